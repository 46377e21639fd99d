"""Notifications as they are built from the configuration, and what they tell of themselves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from moorage import locks, notifications
from moorage.config import Configuration
from moorage.events.queue import Queue, Row
from moorage.shared import Shared
from tests.events.making import event

SECRETS = ("hunter1", "hunter2", "hunter3", "aHVudGVyNA")


def configured(folder: Path, *endpoints: dict[str, object]) -> Configuration:
    return Configuration.model_validate(
        {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(folder)}},
            "notifications": {"endpoints": list(endpoints)},
        }
    )


def built(configuration: Configuration) -> notifications.Notifications:
    found = notifications.build(configuration, Shared(port=5000))
    assert found is not None
    return found


def test_without_an_endpoint_that_is_enabled_there_are_none(tmp_path: Path) -> None:
    disabled = {"name": "one", "url": "http://127.0.0.1:1/", "disabled": True}
    assert notifications.build(configured(tmp_path), Shared()) is None
    assert notifications.build(configured(tmp_path, disabled), Shared()) is None
    assert not (tmp_path / ".moorage").exists()


async def test_facts_tell_what_is_configured_and_counted_and_no_secret(tmp_path: Path) -> None:
    configuration = configured(
        tmp_path,
        {
            "name": "one",
            "url": "http://robot:hunter1@127.0.0.1:1/hook?key=hunter2",
            "headers": {"Authorization": ["Bearer hunter3"]},
            "secrets": ["whsec_aHVudGVyNA=="],
            "timeout": "3s",
            "ignore": {"mediatypes": ["application/octet-stream"], "actions": ["pull"]},
        },
        {"name": "two", "url": "http://127.0.0.1:1/", "timeout": "0s", "threshold": 0, "backoff": "0s"},
    )
    found = built(configuration)
    await found.sink.write([event(), event()])
    queue = Queue(notifications.queue_path(configuration), limit=64 << 20)
    queue.delivered("one", [queue.first("one", 1)[0].number], "202 Accepted")
    queue.failed("one", "500 Internal Server Error")
    queue.failed("one", "")
    queue.dropped("one", 7)
    queue.close()
    one, two = await asyncio.to_thread(found.facts)
    await found.close()
    assert 0 <= one.pop("oldest") < 600
    assert one == {
        "name": "one",
        "url": "http://127.0.0.1:1/hook",
        "headers": {"Authorization": ["***"]},
        "timeout": 3.0,
        "threshold": 10,
        "backoff": 1.0,
        "ignore": {"mediatypes": ["application/octet-stream"], "actions": ["pull"]},
        "waiting": 1,
        "events": 2,
        "successes": 1,
        "failures": 1,
        "errors": 1,
        "dropped": 7,
        "statuses": {"202 Accepted": 1, "500 Internal Server Error": 1},
    }
    assert (two["timeout"], two["threshold"], two["backoff"], two["waiting"]) == (1.0, 10, 1.0, 2)
    assert not any(secret in json.dumps([one, two]) for secret in SECRETS)


def test_a_secret_that_cannot_sign_is_refused_before_there_are_workers_and_not_shown(tmp_path: Path) -> None:
    configuration = configured(tmp_path, {"name": "one", "url": "http://h/", "secrets": ["whsec_hunter!"]})
    with pytest.raises(notifications.NotificationsError, match=r"^notifications\.endpoints: one: ") as caught:
        notifications.prepare(configuration)
    assert "hunter" not in str(caught.value)


def test_events_for_an_endpoint_that_is_gone_are_told_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configuration = configured(tmp_path, {"name": "one", "url": "http://127.0.0.1:1/"})
    queue = Queue(notifications.queue_path(configuration), limit=64 << 20)
    queue.put([Row("gone", "a", b"{}"), Row("one", "a", b"{}")])
    queue.close()
    notifications.prepare(configuration)
    (line,) = [record for record in caplog.records if "not configured" in record.getMessage()]
    assert (vars(line)["endpoint"], vars(line)["events"]) == ("gone", 1)


@pytest.mark.parametrize("others", [[], [{"name": "one", "url": "http://127.0.0.1:1/"}]])
def test_events_for_an_endpoint_that_was_disabled_are_told_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, others: list[dict[str, object]]
) -> None:
    configuration = configured(tmp_path, {"name": "asleep", "disabled": True}, *others)
    queue = Queue(notifications.queue_path(configuration), limit=64 << 20)
    queue.put([Row("asleep", "a", b"{}"), Row("asleep", "a", b"{}")])
    queue.close()
    notifications.prepare(configuration)
    (line,) = [record for record in caplog.records if "events wait" in record.getMessage()]
    assert "that is disabled" in line.getMessage()
    assert (line.levelname, vars(line)["endpoint"], vars(line)["events"]) == ("WARNING", "asleep", 2)


def test_events_that_wait_where_the_last_endpoint_was_removed_are_told_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configuration = configured(tmp_path)
    notifications.prepare(configuration)
    path = notifications.queue_path(configuration)
    assert not path.parent.exists()
    queue = Queue(path, limit=64 << 20)
    queue.put([Row("gone", "a", b"{}")])
    queue.close()
    notifications.prepare(configuration)
    (line,) = [record for record in caplog.records if "not configured" in record.getMessage()]
    assert (vars(line)["endpoint"], vars(line)["events"]) == ("gone", 1)


def test_a_queue_that_nobody_needs_keeps_no_server_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configuration = configured(tmp_path)
    path = notifications.queue_path(configuration)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 1000)
    notifications.prepare(configuration)
    assert path.read_bytes() == b"no database" * 1000
    (line,) = caplog.records
    assert (line.levelname, vars(line)["path"]) == ("WARNING", str(path))
    assert vars(line)["reason"] == "file is not a database"


def test_who_has_the_lock_of_a_queue_that_nobody_needs_keeps_no_server_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "GIVEN_UP_AFTER", 0.2)
    configuration = configured(tmp_path)
    queue = Queue(notifications.queue_path(configuration), limit=64 << 20)
    queue.put([Row("gone", "a", b"{}")])
    with queue.alone():
        notifications.prepare(configuration)
    queue.close()
    (line,) = caplog.records
    assert (vars(line)["endpoint"], vars(line)["events"]) == ("gone", 1)


def test_damage_in_the_middle_of_the_queue_is_found_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configuration = configured(tmp_path, {"name": "one", "url": "http://127.0.0.1:1/"})
    path = notifications.queue_path(configuration)
    queue = Queue(path, limit=64 << 20)
    queue.put([Row("one", "a", b"x" * 200)] * 200)
    queue.close()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8192] = b"\xa5" * 8192
    path.write_bytes(content)
    notifications.prepare(configuration)
    assert [aside.read_bytes() for aside in path.parent.glob("*damaged*")] == [bytes(content)]
    assert [record.levelname for record in caplog.records if "damaged" in record.getMessage()] == ["ERROR"]
