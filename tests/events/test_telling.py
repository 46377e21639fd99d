"""What a real server tells of what real clients do, field by field (Docker Registry, "Work with notifications")."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import random
import socket
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from moorage.events.base import BLOB
from tests.events.listener import Listener
from tests.events.telling import Event, endpoint, events_of, telling, wait_for_events
from tests.faults.client import Client
from tests.faults.images import MANIFEST_TYPE, Image, digest_of, make_image
from tests.support.server import Server, moorage_command, running

AGENT = {"User-Agent": "a-client/1.0"}
PROXY = {"X-Forwarded-Host": "registry.example.com:5000", "X-Forwarded-Proto": "https"}


@dataclass
class Told:
    """A server, and the listener that it tells."""

    server: Server
    listener: Listener

    def wait(self, repository: str, count: int) -> list[Event]:
        return wait_for_events(self.listener, repository, count)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with Listener() as listener:
        server = telling(tmp_path_factory.mktemp("told"), endpoint("one", listener.url, "timeout: 20s"))
        with running(server):
            yield Told(server, listener)


@pytest.fixture
def client(told: Told) -> Iterator[Client]:
    with Client(told.server.port) as opened:
        yield opened


def image() -> Image:
    return make_image(random.Random())


def brief(events: list[Event]) -> list[tuple[str, str, str]]:
    """Action, tag and digest of each."""
    return [
        (event["action"], event["target"].get("tag", ""), event["target"].get("digest", ""))
        for event in events
    ]


def test_a_pushed_manifest(told: Told, client: Client) -> None:
    pushed = image()
    for blob in pushed.blobs:
        client.push_blob("push/app", blob)
    headers = {"Content-Type": MANIFEST_TYPE, **PROXY}
    client.expect(201, "PUT", "/v2/push/app/manifests/v1", pushed.manifest, headers)
    event = told.wait("push/app", 4)[-1]
    uuid.UUID(event.pop("id"))
    moment = datetime.datetime.fromisoformat(event.pop("timestamp"))
    assert moment.tzinfo is not None
    assert abs(moment - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=5)
    assert event.pop("request").pop("id")
    uuid.UUID(event["source"].pop("instanceID"))
    assert event == {
        "action": "push",
        "target": {
            "mediaType": MANIFEST_TYPE,
            "size": len(pushed.manifest),
            "length": len(pushed.manifest),
            "digest": pushed.digest,
            "repository": "push/app",
            "url": f"https://registry.example.com:5000/v2/push/app/manifests/{pushed.digest}",
            "tag": "v1",
        },
        "actor": {},
        "source": {"addr": f"{socket.gethostname()}:{told.server.port}"},
    }


def test_the_request(told: Told, client: Client) -> None:
    client.push("request/app", "v1", image())
    told.wait("request/app", 4)
    client.expect(200, "GET", "/v2/request/app/manifests/v1", headers=AGENT)
    request = told.wait("request/app", 5)[-1]["request"]
    assert request.pop("id")
    assert request == {
        "method": "GET",
        "useragent": "a-client/1.0",
        "addr": "127.0.0.1",
        "host": "127.0.0.1",
    }


def test_of_long_headers_only_the_beginning_is_told(told: Told, client: Client) -> None:
    digest = client.push_blob("long/app", b"a blob whose puller has a long name")
    headers = {"User-Agent": "a" * 20_000, "Host": "h" * 8_000}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", told.server.port, timeout=30)) as pulling:
        pulling.request("GET", f"/v2/long/app/blobs/{digest}", headers=headers)
        assert pulling.getresponse().status == 200
    request = told.wait("long/app", 2)[-1]["request"]
    assert request["useragent"] == "a" * 2048
    assert request["host"] == "h" * 2048


def test_headers_in_utf_8_are_told_as_they_were_written(told: Told, client: Client) -> None:
    digest = client.push_blob("foreign/app", b"a blob whose puller writes more than ASCII")
    headers = {"User-Agent": "Düse/1.0 €".encode(), "Host": "häfen.example".encode()}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", told.server.port, timeout=30)) as pulling:
        pulling.request("GET", f"/v2/foreign/app/blobs/{digest}", headers=headers)
        assert pulling.getresponse().status == 200
    request = told.wait("foreign/app", 2)[-1]["request"]
    assert (request["useragent"], request["host"]) == ("Düse/1.0 €", "häfen.example")


def test_the_address_is_that_of_the_client_of_a_proxy(told: Told, client: Client) -> None:
    client.push("proxied/app", "v1", image())
    told.wait("proxied/app", 4)
    client.expect(
        200,
        "GET",
        "/v2/proxied/app/manifests/v1",
        headers={"X-Forwarded-For": "10.0.0.1, 203.0.113.7, 127.0.0.2"},
    )
    assert told.wait("proxied/app", 5)[-1]["request"]["addr"] == "203.0.113.7"


def test_the_envelope(told: Told, client: Client) -> None:
    client.push("envelope/app", "v1", image())
    told.wait("envelope/app", 4)
    request = told.listener.received[-1]
    assert request.method == "POST"
    assert request.path == "/hook"
    assert request.header("Content-Type") == "application/vnd.docker.distribution.events.v2+json"
    assert list(json.loads(request.body)) == ["events"]


def test_pushed_blobs_are_told_before_the_manifest(told: Told, client: Client) -> None:
    pushed = image()
    client.push("blobs/app", "v1", pushed)
    events = told.wait("blobs/app", 4)
    assert [event["target"]["digest"] for event in events] == [*map(digest_of, pushed.blobs), pushed.digest]
    for event, blob in zip(events, pushed.blobs, strict=False):
        target = event["target"]
        assert (event["action"], target["mediaType"], target["size"]) == ("push", BLOB, len(blob))
        assert target["url"].endswith(f"/v2/blobs/app/blobs/{digest_of(blob)}")
        assert "tag" not in target


def test_a_manifest_pushed_by_digest_has_no_tag_and_one_with_more_tags_an_event_for_each(
    told: Told, client: Client
) -> None:
    pushed = image()
    client.push("tags/app", pushed.digest, pushed)
    headers = {"Content-Type": MANIFEST_TYPE}
    target = f"/v2/tags/app/manifests/{pushed.digest}?tag=a&tag=b"
    client.expect(201, "PUT", target, pushed.manifest, headers)
    events = told.wait("tags/app", 6)[3:]
    assert brief(events) == [("push", tag, pushed.digest) for tag in ("", "a", "b")]


def test_pulls_are_told_and_questions_are_not(told: Told, client: Client) -> None:
    pushed = image()
    client.push("pull/app", "v1", pushed)
    told.wait("pull/app", 4)
    blob = digest_of(pushed.blobs[0])
    client.expect(200, "HEAD", "/v2/pull/app/manifests/v1")
    client.expect(200, "HEAD", f"/v2/pull/app/blobs/{blob}")
    client.expect(404, "GET", "/v2/pull/app/manifests/v2")
    client.expect(200, "GET", "/v2/pull/app/manifests/v1")
    client.expect(200, "GET", f"/v2/pull/app/manifests/{pushed.digest}")
    client.expect(200, "GET", f"/v2/pull/app/blobs/{blob}")
    events = told.wait("pull/app", 7)[4:]
    assert brief(events) == [("pull", "v1", pushed.digest), ("pull", "", pushed.digest), ("pull", "", blob)]
    assert [event["target"]["mediaType"] for event in events] == [MANIFEST_TYPE, MANIFEST_TYPE, BLOB]


@pytest.mark.parametrize("redirected", [False, True], ids=["served", "redirected"])
def test_a_blob_that_is_fetched_in_ranges_is_told_once(tmp_path: Path, redirected: bool) -> None:
    elsewhere = [{"name": "redirect", "options": {"baseurl": "http://mirror.example/"}}]
    with Listener() as listener:
        server = telling(tmp_path, endpoint("one", listener.url))
        config = Path(server.command[-1])
        if redirected:
            config.write_text(f"{config.read_text()}middleware: {json.dumps({'storage': elsewhere})}\n")
        with running(server), Client(server.port) as client:
            blob = client.push_blob("a", b"0123456789")
            target = f"/v2/a/blobs/{blob}"
            status = 307 if redirected else 206
            for wanted in ("bytes=5-9", "bytes=-1", "bytes=0-4", "bytes=3-"):
                client.expect(status, "GET", target, headers={"Range": wanted})
            client.expect(416, "GET", target, headers={"Range": "bytes=10-"})
            client.expect(307 if redirected else 200, "GET", target)
            client.push_blob("a", b"the last")
            events = wait_for_events(listener, "a", 4)
    assert [event["action"] for event in events] == ["push", "pull", "pull", "push"]


def test_a_mounted_blob_names_where_it_came_from(told: Told, client: Client) -> None:
    digest = client.push_blob("mount/source", b"a layer to mount")
    client.expect(201, "POST", f"/v2/mount/app/blobs/uploads/?mount={digest}&from=mount/source")
    (event,) = told.wait("mount/app", 1)
    assert event["action"] == "mount"
    assert event["target"]["fromRepository"] == "mount/source"
    assert (event["target"]["digest"], event["target"]["size"]) == (digest, len(b"a layer to mount"))


def test_what_is_deleted_is_told_tags_first(told: Told, client: Client) -> None:
    pushed = image()
    for tag in ("v1", "v2", "v3"):
        client.push("delete/app", tag, pushed)
    told.wait("delete/app", 6)
    client.expect(202, "DELETE", "/v2/delete/app/manifests/v3")
    client.expect(202, "DELETE", f"/v2/delete/app/manifests/{pushed.digest}")
    blob = digest_of(pushed.blobs[0])
    client.expect(202, "DELETE", f"/v2/delete/app/blobs/{blob}")
    events = told.wait("delete/app", 11)[6:]
    assert brief(events)[0] == ("delete", "v3", "")
    assert sorted(brief(events)[1:3]) == [("delete", "v1", ""), ("delete", "v2", "")]
    assert brief(events)[3:] == [("delete", "", pushed.digest), ("delete", "", blob)]
    assert all("url" not in event["target"] for event in events)


def test_what_fails_is_not_told(told: Told, client: Client) -> None:
    lacking = image()
    headers = {"Content-Type": MANIFEST_TYPE}
    client.expect(400, "PUT", "/v2/failing/app/manifests/v1", lacking.manifest, headers)
    client.expect(404, "DELETE", "/v2/failing/app/manifests/v1")
    digest = client.push_blob("failing/app", b"after all that")
    events = told.wait("failing/app", 1)
    assert brief(events) == [("push", "", digest)]


def test_all_workers_are_one_instance_and_another_one_after_a_restart(tmp_path: Path) -> None:
    instances = []
    with Listener() as listener:
        server = telling(tmp_path, endpoint("one", listener.url), extra="  workers: 2\n")
        for count in (10, 20):
            with running(server):
                for number in range(count - 10, count):
                    with Client(server.port) as client:
                        client.push_blob("a", b"blob %d" % number)
                events = wait_for_events(listener, "a", count)[count - 10 :]
                (instance,) = {event["source"]["instanceID"] for event in events}
                instances.append(instance)
    assert instances[0] != instances[1]


def test_the_actor_is_who_signed_in(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_bytes(subprocess.check_output(moorage_command("htpasswd", "alice", "s3cret")))
    with Listener() as listener:
        server = telling(tmp_path / "server", endpoint("one", listener.url))
        config = Path(server.command[-1])
        config.write_text(f"{config.read_text()}auth:\n  htpasswd:\n    realm: r\n    path: {users}\n")
        with running(server), Client(server.port) as client:
            alice = {"Authorization": "Basic YWxpY2U6czNjcmV0"}
            target = f"/v2/a/blobs/uploads/?digest={digest_of(b'x')}"
            client.expect(401, "POST", target, b"x")
            client.expect(201, "POST", target, b"x", alice)
            (event,) = wait_for_events(listener, "a", 1)
    assert event["actor"] == {"name": "alice"}


def test_references_are_listed_if_wanted(tmp_path: Path) -> None:
    pushed = image()
    with Listener() as listener:
        more = "  events: {includereferences: true}\n"
        server = telling(tmp_path, endpoint("one", listener.url), more=more)
        with running(server), Client(server.port) as client:
            client.push("a", "v1", pushed)
            events = wait_for_events(listener, "a", 4)
    manifest = json.loads(pushed.manifest)
    references = events[-1]["target"]["references"]
    assert references == [manifest["config"], *manifest["layers"]]
    assert all("references" not in event["target"] for event in events[:-1])


def test_the_references_of_a_large_manifest_are_not_listed_for_each_of_many_tags(tmp_path: Path) -> None:
    with Listener() as listener:
        more = "  events: {includereferences: true}\n"
        server = telling(tmp_path, endpoint("one", listener.url), more=more)
        with running(server), Client(server.port) as client:
            pushed = image()
            client.push("a", "v1", pushed)
            manifest = json.loads(pushed.manifest)
            manifest["layers"] *= (2 << 20) // len(json.dumps(manifest["layers"]))
            large = json.dumps(manifest).encode()
            target = f"/v2/a/manifests/{digest_of(large)}"
            client.expect(201, "PUT", target, large, {"Content-Type": MANIFEST_TYPE})
            query = "&".join(f"tag=t{number}" for number in range(10))
            client.expect(201, "PUT", f"{target}?{query}", large, {"Content-Type": MANIFEST_TYPE})
            once, *many = wait_for_events(listener, "a", 15)[4:]
    assert once["target"]["references"] == [manifest["config"], *manifest["layers"]]
    assert [event["target"]["tag"] for event in many] == [f"t{number}" for number in range(10)]
    assert all("references" not in event["target"] for event in many)


def test_each_endpoint_gets_what_it_does_not_ignore(tmp_path: Path) -> None:
    with Listener() as images, Listener() as changes, Listener() as nothing:
        server = telling(
            tmp_path,
            endpoint("images", images.url, f"ignoredmediatypes: [{BLOB}]"),
            endpoint("changes", changes.url, "ignore: {actions: [pull]}", "format: v1"),
            endpoint("nothing", nothing.url, "disabled: true"),
        )
        with running(server), Client(server.port) as client:
            pushed = image()
            client.push("a", "v1", pushed)
            client.expect(200, "GET", "/v2/a/manifests/v1")
            client.expect(202, "DELETE", "/v2/a/manifests/v1")
            of_images = wait_for_events(images, "a", 3)
            of_changes = wait_for_events(changes, "a", 5)
        assert [event["action"] for event in of_images] == ["push", "pull", "delete"]
        assert [event["action"] for event in of_changes] == ["push"] * 4 + ["delete"]
        assert (
            changes.received[0].header("Content-Type") == "application/vnd.docker.distribution.events.v1+json"
        )
        assert nothing.connections == 0
        assert len(events_of(images, "a")) == 3


def test_endpoints_are_logged_once_at_the_start_and_no_secret_is(tmp_path: Path) -> None:
    with Listener() as listener:
        url = listener.url.replace("http://", "http://robot:hunter1@") + "?token=hunter2"
        server = telling(
            tmp_path,
            endpoint(
                "one",
                url,
                "headers: {X-Key: [hunter3]}",
                "secrets: [whsec_aHVudGVyNA==]",
                "threshold: 3",
                "timeout: 20s",
            ),
            endpoint("two", url, "disabled: true"),
            extra="  workers: 2\n",
        )
        with running(server), Client(server.port) as client:
            client.push_blob("a", b"x")
            wait_for_events(listener, "a", 1)
        received = listener.received[0]
        assert received.header("X-Key") == "hunter3"
        assert received.path.endswith("?token=hunter2")
    log = server.log.read_text()
    lines = [line for line in log.splitlines() if "endpoint of notifications" in line]
    assert [line for line in lines if "disabled, skipping" in line and "endpoint=two" in line]
    (started,) = [line for line in lines if "endpoint=one" in line]
    for part in (f"url={listener.url}", "timeout=20.0", "threshold=3", "X-Key"):
        assert part in started
    for secret in ("hunter", "aHVudGVy"):
        assert secret not in log
