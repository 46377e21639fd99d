from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from moorage.config.sections.notifications import Endpoint, Notifications
from moorage.notifications import enabled, endpoints

from ..conftest import Load, Refuse


def endpoint(**keys: object) -> dict[str, object]:
    return {"name": "one", "url": "http://h", **keys}


def test_names_differ_for_what_waits_is_kept_by_name() -> None:
    with pytest.raises(ValidationError, match="same name, one"):
        Notifications.model_validate({"endpoints": [endpoint(), endpoint(url="http://other")]})
    Notifications.model_validate({"endpoints": [endpoint(), endpoint(disabled=True), endpoint(name="two")]})
    with pytest.raises(ValidationError):
        Endpoint.model_validate(endpoint(name=""))


@pytest.mark.parametrize("keys", [{"batch": 0}, {"batch": 101}, {"maxbackoff": "0s"}, {"format": "v3"}])
def test_what_no_endpoint_can_do_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Endpoint.model_validate(endpoint(**keys))


def test_without_more_keys_an_endpoint_is_as_in_version_3_of_the_reference() -> None:
    found = Endpoint.model_validate(endpoint())
    assert (found.format, found.batch, found.threshold) == ("v2", 1, 10)
    assert (found.timeout, found.backoff) == (timedelta(seconds=1), timedelta(seconds=1))


def test_only_a_disabled_endpoint_needs_no_url(loaded: Load, refused: Refuse) -> None:
    found = loaded("notifications: {endpoints: [{name: a, disabled: true}]}").configuration
    assert (enabled(found), endpoints(found)) == ([], [])
    (problem,) = refused("notifications: {endpoints: [{name: a}]}").problems
    assert problem.path == "notifications.endpoints[0].url"
    assert problem.message == "is required; set it, or `disabled: true`"
    (problem,) = refused("notifications: {endpoints: [{name: a, disabled: true, url: nowhere}]}").problems
    assert problem.path == "notifications.endpoints[0].url"


def test_secrets_are_hidden() -> None:
    found = Endpoint.model_validate(endpoint(secrets=["hunter2"], headers={"X": ["hunter2"]}))
    assert "hunter2" not in repr(found) + str(found.model_dump())
    assert found.secrets[0].get_secret_value() == "hunter2"


def test_addresses_of_credentials_are_forbidden_unless_others_are() -> None:
    usual = ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128")
    assert Notifications().forbidden == [ip_network(one) for one in usual]
    assert Notifications.model_validate({"forbidden": []}).forbidden == []
    found = Notifications.model_validate({"forbidden": ["10.0.0.0/8", "192.0.2.1"]}).forbidden
    assert found == [ip_network("10.0.0.0/8"), ip_network("192.0.2.1/32")]


def test_the_queue_has_room_for_a_mebibyte_at_least() -> None:
    assert Notifications.model_validate({"queue": {"size": "1MiB"}}).queue.size == 1 << 20
    with pytest.raises(ValidationError):
        Notifications.model_validate({"queue": {"size": "512KiB"}})


@pytest.mark.parametrize(
    ("headers", "place", "message"),
    [
        (r'{Authorization: ["Bearer hunter2\n"]}', "Authorization[0]", "must be one line of printable text"),
        (r'{X-A: [b, "hunter2\r\nX-B: c"]}', "X-A[1]", "must be one line of printable text"),
        ('{"X-A: b": [hunter2]}', "X-A: b", "must be a header name"),
        ("{content-length: ['5']}", "content-length", "belongs to each request itself: remove it"),
        ("{Transfer-Encoding: [chunked]}", "Transfer-Encoding", "belongs to each request itself: remove it"),
        ("{Expect: [100-continue]}", "Expect", "belongs to each request itself: remove it"),
        ("{Host: [a, b]}", "Host", "belongs to each request itself: remove it"),
    ],
)
def test_headers_with_which_no_event_would_arrive_are_refused(
    refused: Refuse, headers: str, place: str, message: str
) -> None:
    error = refused(f"notifications: {{endpoints: [{{name: a, url: 'http://h', headers: {headers}}}]}}")
    (problem,) = error.problems
    assert problem.path.endswith(f".headers.{place}")
    assert problem.message.startswith(message)
    assert "hunter2" not in str(error)


def test_headers_of_an_endpoint_are_kept(loaded: Load) -> None:
    headers = "{Authorization: [Bearer b], Content-Type: [application/json], X-A: [b, ca\u0301, '']}"
    found = loaded(f"notifications: {{endpoints: [{{name: a, url: 'http://h', headers: {headers}}}]}}")
    (one,) = found.configuration.notifications.endpoints
    assert {name: [value.get_secret_value() for value in values] for name, values in one.headers.items()} == {
        "Authorization": ["Bearer b"],
        "Content-Type": ["application/json"],
        "X-A": ["b", "ca\u0301", ""],
    }


def test_actions_are_those_that_there_are(loaded: Load, refused: Refuse) -> None:
    text = "notifications: {{endpoints: [{{name: a, url: 'http://h', ignore: {{actions: [{}]}}}}]}}"
    found = loaded(text.format("pull, PUSH, Mount, delete")).configuration
    assert found.notifications.endpoints[0].ignore.actions == ["pull", "push", "mount", "delete"]
    (problem,) = refused(text.format("pulls")).problems
    assert problem.path == "notifications.endpoints[0].ignore.actions[0]"
    assert problem.message == "must be 'push', 'pull', 'mount' or 'delete', not 'pulls'"
