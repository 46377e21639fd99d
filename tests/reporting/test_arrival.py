"""An error in a handler of a whole registry: what arrives at each service, and that no secret does."""

from __future__ import annotations

import base64
import gzip
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import moorage
from tests.reporting import planting
from tests.reporting.collecting import Collector, collector, new_relic_collector
from tests.reporting.failing import TARGET, ask, failing_registry
from tests.support.server import Server, running

PATH = TARGET.partition("?")[0]


@dataclass(frozen=True)
class Told:
    """What came of two requests: one without credentials, then one full of secrets."""

    server: Server
    answers: list[bytes]
    bugsnag: Collector
    sentry: Collector
    newrelic: Collector
    log: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("told")
    with (
        collector() as bugsnag,
        collector() as sentry,
        new_relic_collector(folder / "tls") as (newrelic, variables),
    ):
        section = (
            f"  bugsnag: {{apikey: 0123456789abcdef, releasestage: staging, endpoint: '{bugsnag.url}'}}\n"
            f"  sentry: {{dsn: '{sentry.dsn}', environment: testing}}\n"
            f"  newrelic: {{licensekey: a-licence-key, name: blue registry, verbose: true}}\n"
        )
        variables |= {
            "REGISTRY_HTTP_SECRET": planting.SETTING,
            "AWS_SECRET_ACCESS_KEY": planting.VARIABLE,
            "SECRET": planting.VARIABLE,
        }
        with running(failing_registry(folder / "registry", section, variables)) as server:
            answers = [ask(server, [("X-Request-Id", "plain-request"), ("User-Agent", "asker/2.0")])]
            body = planting.BODY.encode()
            answers.append(ask(server, planting.HEADERS, body, planting.PLANTED_TARGET))
            bugsnag.wait(2)
            sentry.wait(2)
            newrelic.wait(2, "error_data")
        yield Told(server, answers, bugsnag, sentry, newrelic, server.log.read_text())


def test_the_client_is_told_nothing_of_it(told: Told) -> None:
    for answer in told.answers:
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"RuntimeError" not in answer


def test_bugsnag_gets_the_error_its_request_and_the_release_stage(told: Told) -> None:
    plain, planted = (one.json["events"][0] for one in told.bugsnag.received)
    assert [error["errorClass"] for error in plain["exceptions"]] == ["RuntimeError", "LookupError"]
    assert plain["exceptions"][0]["message"] == "cannot judge pull on repository red/app"
    frames = [(frame["file"], frame["method"]) for frame in plain["exceptions"][0]["stacktrace"]]
    assert frames[0][1] == "judge"
    assert ("api/uploads.py", "post") in frames
    assert (plain["releaseStage"], plain["severity"], plain["unhandled"]) == ("staging", "error", True)
    assert plain["app"]["version"] == moorage.__version__
    assert plain["device"]["hostname"] == socket.gethostname()
    assert plain["metaData"]["request"] == {
        "id": "plain-request", "httpMethod": "POST", "url": PATH, "repository": "blue/app", "status": 500,
        "clientIp": "127.0.0.1", "userAgent": "asker/2.0", "leftOut": 0,
    }  # fmt: skip
    assert planted["user"] == {"id": "blue", "name": "blue"}
    assert planted["metaData"]["request"]["url"] == PATH
    assert told.bugsnag.received[0].headers["bugsnag-api-key"] == "0123456789abcdef"


def test_sentry_gets_the_error_its_request_and_the_environment(told: Told) -> None:
    received = told.sentry.received[0]
    assert received.path == "/api/42/envelope/"
    assert "sentry_key=publickey" in received.headers["x-sentry-auth"]
    about, item, event = received.envelope
    assert (about["event_id"], item["type"]) == (event["event_id"], "event")
    errors = event["exception"]["values"]
    assert [error["type"] for error in errors] == ["LookupError", "RuntimeError"]
    assert errors[-1]["value"].startswith("cannot judge pull on repository red/app")
    assert errors[-1]["stacktrace"]["frames"][-1]["function"] == "judge"
    assert (event["environment"], event["release"]) == ("testing", f"moorage@{moorage.__version__}")
    assert event["server_name"] == socket.gethostname()
    assert event["request"] == {
        "method": "POST", "url": PATH, "headers": {"User-Agent": "asker/2.0"}, "env": {"REMOTE_ADDR": "127.0.0.1"},
    }  # fmt: skip
    assert event["tags"] == {"request": "plain-request", "repository": "blue/app", "status": "500"}
    assert told.sentry.received[1].envelope[2]["user"] == {"username": "blue"}


def test_new_relic_gets_the_error_and_its_request_after_one_sign_in(told: Told) -> None:
    methods = [one.method for one in told.newrelic.received]
    once = ["error_event_data", "error_data"]
    assert methods == ["preconnect", "connect", "agent_settings", *once, *once]
    run, [[_, _, message, kind, parameters]] = told.newrelic.received[4].json
    assert (run, kind) == ("7", "builtins:RuntimeError")
    assert message == "cannot judge pull on repository red/app"
    assert parameters["stack_trace"][-1].endswith(", in judge")
    assert not any("raise " in line for line in parameters["stack_trace"])
    _, sampling, [[intrinsics, own, known]] = told.newrelic.received[3].json
    assert sampling["events_seen"] == 1
    assert (intrinsics["type"], intrinsics["error.message"]) == ("TransactionError", message)
    assert known == {
        "request.method": "POST", "request.uri": PATH, "request.headers.userAgent": "asker/2.0", "response.status": "500",
    }  # fmt: skip
    assert own == {
        "request.id": "plain-request", "repository": "blue/app", "address": "127.0.0.1",
        "version": moorage.__version__, "left_out": 0,
    }  # fmt: skip
    connect = told.newrelic.received[1].json[0]
    assert connect["app_name"] == ["blue registry"]
    assert connect["environment"] == []


def test_verbose_writes_what_new_relic_is_told(told: Told) -> None:
    lines = [json.loads(line) for line in told.log.splitlines() if line.startswith('{"reported"')]
    traces = [one.json[1][0] for one in told.newrelic.received if one.method == "error_data"]
    assert [line["error"] for line in lines] == traces


def test_no_secret_of_a_request_a_variable_or_the_configuration_arrives(told: Told) -> None:
    everything = [*told.bugsnag.received, *told.sentry.received, *told.newrelic.received]
    assert any(b"planted-request" in one.text for one in told.bugsnag.received), (
        "the request with the secrets"
    )
    for one in everything:
        head = json.dumps([one.path, one.headers]).encode()
        assert planting.found(head) == []
        assert planting.found(one.body) == [], one.text
        assert planting.found(one.text) == [], one.text


def test_the_search_finds_what_is_hidden() -> None:
    basic = f"Authorization: Basic {planting.BASIC}".encode()
    assert planting.found(basic) == [planting.PASSWORD, planting.BASIC]
    packed = gzip.compress(b"x" + base64.b64encode(planting.COOKIE.encode()))
    assert planting.found(packed) == [planting.COOKIE]
