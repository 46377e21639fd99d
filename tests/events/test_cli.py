"""`moorage events`, as a shell calls it, with and without a server that runs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from moorage.cli.moments import past
from moorage.events.queue import Queue, Row
from tests.events.listener import Listener, answer
from tests.events.making import identity, kept
from tests.events.telling import endpoint, telling, wait_for_events
from tests.faults.client import Client
from tests.support.forking import command
from tests.support.ports import free_port
from tests.support.server import Server, moorage_command, moorage_server, running

ANSWERED = "timeout: 30s"
"""So that nothing comes twice, however slow the listener is."""
PATIENT = ("backoff: 1h", "maxbackoff: 1h", "threshold: 1", ANSWERED)


def run(*arguments: str, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return command("events", *arguments, given=given, environment=variables)


def run_json(*arguments: str) -> tuple[int, Any]:
    done = run(*arguments, "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as started:
        yield started


def configured(folder: Path, *endpoints: str) -> tuple[Server, str]:
    server = telling(folder, *endpoints)
    return server, server.command[-1]


def filled(server: Server, **events: list[bytes]) -> None:
    queue = Queue(server.root / ".moorage" / "events.db", limit=64 << 20)
    queue.put([Row(name, "team/app", event) for name, found in events.items() for event in found])
    queue.close()


def waiting(server: Server) -> dict[str, int]:
    queue = Queue(server.root / ".moorage" / "events.db", limit=64 << 20)
    found = {name: one.count for name, one in queue.waiting().items()}
    queue.close()
    return found


@pytest.mark.parametrize("words", [["list"], ["replay"], ["drop", "--all", "--yes"]])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_without_a_queue_its_path_is_told_and_none_is_made(
    tmp_path: Path, listener: Listener, words: list[str], form: list[str]
) -> None:
    root = tmp_path / "not" / "there"
    server = telling(tmp_path / "server", endpoint("one", listener.url), root=root)
    done = run(*words, *form, server.command[-1])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"moorage: there is no queue at {root}/.moorage/events.db: set notifications.queue.path, or STATE_DIRECTORY as "
        "the server has it\n"
    )
    assert not root.parent.exists()


def test_nothing_waits_before_anything_happened(tmp_path: Path, listener: Listener) -> None:
    server, config = configured(tmp_path, endpoint("one", listener.url))
    filled(server)
    done = run("list", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("one: 0 wait;")
    assert (run("replay", config).stdout, run("drop", "--all", config).stdout) == (
        "one: 0 delivered\n",
        "0 events dropped\n",
    )


def test_what_waits_is_listed_oldest_first(tmp_path: Path, listener: Listener) -> None:
    server, config = configured(tmp_path, endpoint("one", listener.url), endpoint("two", listener.url))
    events = [kept(tag=f"v{number}") for number in range(5)]
    filled(server, one=events, gone=events[:1])
    status, found = run_json("list", config, "--limit", "3")
    assert status == 0
    one, two, gone = sorted(found["endpoints"], key=lambda each: ["one", "two", "gone"].index(each["name"]))
    assert one["waiting"] == 5
    assert [each["event"]["id"] for each in one["events"]] == [identity(event) for event in events[:3]]
    assert (two["waiting"], two["oldest"], two["events"]) == (0, None, [])
    assert gone["waiting"] == 1, "also for an endpoint that is not configured any longer"
    text = run("list", config, "--endpoint", "one", "--limit", "3").stdout
    assert "one: 5 wait, the oldest since " in text
    assert "push team/app:v0@sha256:" in text
    assert "and 2 more" in text
    assert "two" not in text


def test_a_damaged_queue_is_left_to_the_server(tmp_path: Path, listener: Listener) -> None:
    """One that runs would go on with a file that was moved away."""
    server, config = configured(tmp_path, endpoint("one", listener.url))
    path = server.root / ".moorage" / "events.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 1000)
    for words in (["list"], ["replay"], ["drop", "--all", "--yes"]):
        done = run(*words, config)
        assert (done.returncode, done.stdout) == (2, ""), words
        assert f"notifications.queue.path: {path}: file is not a database" in done.stderr.replace("\n", " ")
    assert path.read_bytes() == b"no database" * 1000
    assert list(path.parent.glob("*damaged*")) == []


def test_there_may_be_more_room_in_a_list_than_events(tmp_path: Path, listener: Listener) -> None:
    server, config = configured(tmp_path, endpoint("one", listener.url))
    filled(server, one=[kept()])
    status, found = run_json("list", config, "--limit", str(10**9))
    assert (status, len(found["endpoints"][0]["events"])) == (0, 1)
    done = run("list", config, "--limit", "99999999999999999999")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--limit" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_server_a_replay_sends_what_waits(tmp_path: Path, listener: Listener) -> None:
    server, config = configured(
        tmp_path, endpoint("one", listener.url, "batch: 2", ANSWERED), endpoint("two", listener.url)
    )
    events = [kept(tag=f"v{number}") for number in range(5)]
    filled(server, one=events)
    done = run("replay", config)
    assert (done.returncode, done.stdout) == (0, "one: 5 delivered\ntwo: 0 delivered\n"), done.stderr
    assert "sending to one" in done.stderr
    assert listener.ids == [identity(event) for event in events]
    assert waiting(server) == {"one": 0}


def test_a_replay_that_cannot_take_the_lock_names_it(tmp_path: Path, listener: Listener) -> None:
    server, config = configured(tmp_path, endpoint("one", listener.url))
    filled(server, one=[kept()])
    lock = server.root / ".moorage" / "events.db.lock"
    lock.mkdir()
    done = run("replay", config)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"notifications.queue.path: {lock}: Is a directory" in done.stderr.replace("\n", " ")
    assert waiting(server) == {"one": 1}


def test_a_replay_tells_what_was_not_taken_and_leaves_it(tmp_path: Path, listener: Listener) -> None:
    listener.script = [answer(200), answer(503)]
    server, config = configured(tmp_path, endpoint("one", listener.url, ANSWERED))
    filled(server, one=[kept() for _ in range(4)])
    status, found = run_json("replay", config)
    assert status == 1
    assert found["by_server"] is False
    (one,) = found["endpoints"]
    assert (one["delivered"], one["waiting"]) == (1, 3)
    assert "503" in one["reason"]
    assert len(listener.received) == 2
    assert waiting(server) == {"one": 3}


def test_a_replay_has_the_server_that_runs_send_at_once(tmp_path: Path) -> None:
    port = free_port()
    server, config = configured(
        tmp_path,
        endpoint("down", f"http://127.0.0.1:{port}/hook", *PATIENT),
        endpoint("other", f"http://127.0.0.1:{port}/other", *PATIENT),
    )
    with running(server), Client(server.port) as client:
        for number in range(5):
            client.push_blob("a", b"blob %d" % number)
        status, found = run_json("replay", config, "--endpoint", "down")
        assert (status, found["by_server"]) == (1, True)
        assert [(one["name"], one["delivered"], one["waiting"]) for one in found["endpoints"]] == [
            ("down", 0, 5)
        ]
        with Listener(port=port) as listener:
            done = run("replay", config, "--endpoint", "down")
            assert (done.returncode, done.stdout) == (0, "down: 5 delivered\n"), done.stderr
            events = wait_for_events(listener, "a", 5)
            assert {request.path for request in listener.received} == {"/hook"}
        assert len(events) == 5
        assert waiting(server) == {"down": 0, "other": 5}


def test_what_is_dropped_is_asked_for_first(tmp_path: Path, listener: Listener) -> None:
    server, config = configured(tmp_path, endpoint("one", listener.url), endpoint("two", listener.url))
    filled(server, one=[kept()] * 3, two=[kept()] * 2)
    done = run("drop", config, "--endpoint", "one", given="n\n")
    assert done.returncode == 1
    assert "Remove up to 3 events" in done.stderr
    assert waiting(server) == {"one": 3, "two": 2}
    done = run("drop", config, "--endpoint", "one", given="y\n")
    assert (done.returncode, done.stdout.strip()) == (0, "3 events dropped")
    assert run_json("drop", config, "--all", "--yes") == (0, {"dropped": 2})
    _, found = run_json("list", config)
    assert [(one["waiting"], one["dropped"]) for one in found["endpoints"]] == [(0, 3), (0, 2)]
    assert run_json("drop", config, "--all") == (0, {"dropped": 0})


def test_old_events_can_be_dropped_alone(tmp_path: Path, listener: Listener) -> None:
    server, config = configured(tmp_path, endpoint("one", listener.url))
    filled(server, one=[kept()] * 3)
    assert run_json("drop", config, "--before", "1h", "--yes") == (0, {"dropped": 0})
    assert run_json("drop", config, "--before", "0s", "--yes") == (0, {"dropped": 3})


def test_a_moment_without_a_zone_is_utc(tmp_path: Path, listener: Listener) -> None:
    server, config = configured(tmp_path, endpoint("one", listener.url))
    filled(server, one=[kept()])
    time.sleep(1.1)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    # Nine hours before UTC.
    done = run("drop", config, "--before", moment, "--yes", TZ="Etc/GMT-9")
    assert done.stdout == "1 event dropped\n", done.stderr
    assert past("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("before", ["2026", "-36h", "9999-12-31"])
def test_what_is_no_past_moment_drops_nothing(tmp_path: Path, listener: Listener, before: str) -> None:
    server, config = configured(tmp_path, endpoint("one", listener.url))
    filled(server, one=[kept()])
    done = run("drop", config, "--yes", f"--before={before}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"moorage: --before: {before} is ")
    assert "such as 2026-01-31T12:00:00" in done.stderr
    assert "such as 36h" in done.stderr
    assert waiting(server) == {"one": 1}


@pytest.mark.parametrize(
    "text",
    ["", " ", "24", "24 ", "0", "+24", "-0s", "-1ns", "36 h", "2026-13-01", "9999-12-31T00:00Z", "99999999h"],
)
def test_a_moment_is_a_date_or_has_a_unit_and_is_past(text: str) -> None:
    with pytest.raises(ValueError, match="such as 36h"):
        past(text)


def test_a_replay_without_endpoints_says_so(tmp_path: Path) -> None:
    server = moorage_server(tmp_path / "server", root=tmp_path / "not" / "there")
    listed = run("list", server.command[-1])
    done = run("replay", server.command[-1])
    assert (done.returncode, done.stdout) == (0, listed.stdout)
    assert "there are no endpoints" in done.stdout
    assert run_json("replay", server.command[-1]) == (0, {"by_server": False, "endpoints": []})
    assert run("drop", "--all", server.command[-1]).returncode == 2
    assert not server.root.parent.exists()


def test_dropping_asks_nobody_where_nobody_can_answer(tmp_path: Path, listener: Listener) -> None:
    server, config = configured(tmp_path, endpoint("one", listener.url))
    filled(server, one=[kept()])
    command = ["sh", "-c", 'exec "$0" "$@" <&-', *moorage_command("events", "drop", "--all", config)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert "--yes" in done.stderr
    assert waiting(server) == {"one": 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["drop"], "--all"),
        (["drop", "--all", "--endpoint", "one"], "--all"),
        (["drop", "--before", "yesterday"], "yesterday"),
        (["drop", "--before", "9999-12-31T23:59:59-10:00"], "neither a moment"),
        (["drop", "--before", "0001-01-01T00:00:00+14:00"], "neither a moment"),
        (["drop", "--endpoint", "three", "--yes"], "three"),
        (["list", "--endpoint", "three"], "three"),
        (["replay", "--endpoint", "three"], "three"),
        (["test", "three"], "three"),
        (["test", "ftp://127.0.0.1/"], "ftp"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, listener: Listener, arguments: list[str], message: str
) -> None:
    server, config = configured(tmp_path, endpoint("one", listener.url))
    filled(server, one=[kept()])
    done = run(*arguments, config)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert waiting(server) == {"one": 1}


def test_an_endpoint_is_tried_with_one_event_of_each_action(listener: Listener) -> None:
    done = run("test", listener.url)
    assert done.returncode == 0, done.stderr
    assert [line.partition(",")[0] for line in done.stdout.splitlines()] == [
        f"{action}: taken" for action in ("push", "pull", "mount", "delete")
    ]
    events = [event for request in listener.received for event in request.events]
    assert [event["action"] for event in events] == ["push", "pull", "mount", "delete"]
    assert all("test" in event["target"]["repository"] for event in events)


def test_a_configured_endpoint_is_tried_as_it_is_configured(tmp_path: Path, listener: Listener) -> None:
    _, config = configured(
        tmp_path,
        endpoint(
            "one", listener.url, "format: cloudevents", "headers: {Authorization: [Bearer x]}", ANSWERED
        ),
    )
    status, found = run_json("test", "one", config)
    assert status == 0
    assert [event["status"] for event in found["events"]] == ["200 OK"] * 4
    assert listener.received[0].header("Authorization") == "Bearer x"
    assert "cloudevents" in (listener.received[0].header("Content-Type") or "")


def test_a_url_that_the_configuration_forbids_is_not_asked(tmp_path: Path, listener: Listener) -> None:
    server = telling(
        tmp_path, endpoint("one", listener.url), more='  forbidden: ["127.0.0.0/8", "::1/128"]\n'
    )
    given, named = (
        run_json("test", listener.url, server.command[-1]),
        run("test", listener.url, REGISTRY_CONFIGURATION_PATH=server.command[-1]),
    )
    assert (given[0], named.returncode) == (1, 1)
    assert {event["reason"] for event in given[1]["events"]} == {
        "nothing is sent to 127.0.0.1, which is forbidden"
    }
    assert listener.connections == 0


def test_without_a_configuration_a_url_of_credentials_is_not_asked() -> None:
    # Nobody has this one: it is reserved within the link-local addresses.
    status, found = run_json("test", "http://169.254.0.1/")
    assert status == 1
    assert {event["reason"] for event in found["events"]} == {
        "nothing is sent to 169.254.0.1, which is forbidden"
    }


def test_what_was_not_taken_is_told(tmp_path: Path, listener: Listener) -> None:
    listener.script = [answer(200), answer(500)]
    _, config = configured(tmp_path, endpoint("one", listener.url, ANSWERED))
    done = run("test", "one", config)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("push: taken, 200 OK, ")
    assert lines[1].startswith("pull: not taken, 500 Internal Server Error, ")
    assert lines[2].startswith("mount: taken")
    status, found = run_json("test", f"http://127.0.0.1:{free_port()}/")
    assert status == 1
    assert {event["reason"] for event in found["events"]} == {"Connection refused"}
