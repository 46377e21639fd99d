"""Services that are away, refuse, hang or talk nonsense: nobody waits for them, it is said once, and what is lost is counted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.reporting.asked import exchange, raised, reporter
from tests.reporting.collecting import Received, collector, fine, new_relic, new_relic_collector
from tests.reporting.failing import ask, failing_registry
from tests.support.ports import free_port
from tests.support.server import moorage_server, running

BAD = {
    500: "it answers 500",
    403: "it answers 403",
    429: "it answers 429",
    301: "it answers 301",
    "garbage": "its answer cannot be read: BadStatusLine",
    None: "its answer cannot be read: RemoteDisconnected",
}
KEY = "a-key-that-is-secret"


def losses(caplog: pytest.LogCaptureFixture) -> list[tuple[Any, ...]]:
    return [
        (record.__dict__["service"], record.__dict__["reason"], record.__dict__["count"])
        for record in caplog.records
        if record.getMessage() == "error reports do not arrive"
    ]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("answer", BAD, ids=str)
async def test_a_bad_answer_is_told_once_and_counted(
    answer: int | str | None, caplog: pytest.LogCaptureFixture
) -> None:
    with collector(lambda _: answer) as bad:
        made = reporter(
            bugsnag={"apikey": KEY, "endpoint": bad.url},
            sentry={"dsn": bad.dsn.replace("publickey", KEY)},
        )
        for _ in range(3):
            made.report(raised(), exchange())
        bad.wait(6)
        await made.close()
    reason = BAD[answer]
    assert sorted(losses(caplog)) == [
        ("bugsnag", reason, 1), ("bugsnag", reason, 3), ("sentry", reason, 1), ("sentry", reason, 3),
    ]  # fmt: skip
    assert KEY not in caplog.text
    assert not [one for one in bad.received if one.path == "/elsewhere"], "no key goes elsewhere"


@pytest.mark.usefixtures("patient")
async def test_a_service_that_is_away_is_told_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    made = reporter(
        bugsnag={"apikey": KEY, "endpoint": f"http://127.0.0.1:{port}/"},
        sentry={"dsn": f"http://{KEY}@127.0.0.1:{port}/42"},
    )
    for _ in range(2):
        made.report(raised(), exchange())
    await made.close()
    reason = "it cannot be reached: Connection refused"
    assert sorted(losses(caplog)) == [
        ("bugsnag", reason, 1), ("bugsnag", reason, 2), ("sentry", reason, 1), ("sentry", reason, 2),
    ]  # fmt: skip
    assert KEY not in caplog.text


async def test_a_service_that_never_answers_keeps_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with collector(lambda _: "hang") as bad:
        made = reporter(bugsnag={"apikey": KEY, "endpoint": bad.url})
        made.report(raised(), exchange())
        bad.wait(1)
        await made.close()
        assert not bad.ended.is_set(), "it still hangs"
    assert losses(caplog) == [("bugsnag", "the registry was stopped", 1)]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (401, "it answers 401: is the licence key right?"),
        (403, "it answers 403: is the licence key right?"),
        (500, "it answers 500"),
        (b"garbage", "JSONDecodeError"),
        (b'{"return_value": 7}', "TypeError"),
        ("garbage", "it cannot be reached: ProtocolError"),
    ],
)
async def test_new_relic_that_does_not_know_the_key_or_talks_nonsense(
    answer: Any, reason: str, tmp_path: Path, newrelic_settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with new_relic_collector(tmp_path, lambda _: answer) as (bad, variables):
        point(newrelic_settings, variables)
        made = reporter(newrelic={"licensekey": KEY})
        for _ in range(2):
            made.report(raised(), exchange())
        bad.wait(2, "preconnect")
        await made.close()
    assert losses(caplog) == [("newrelic", reason, 1), ("newrelic", reason, 2)]
    assert KEY not in caplog.text


@pytest.mark.usefixtures("patient")
async def test_new_relic_signs_in_again_when_it_was_forgotten(
    tmp_path: Path, newrelic_settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    known = [False]

    def forgetful(received: Received) -> bytes | int:
        known[0] = known[0] or received.method == "connect"
        if received.method == "error_event_data" and not known[0]:
            return 409
        return new_relic(received)

    with new_relic_collector(tmp_path, forgetful) as (collecting, variables):
        point(newrelic_settings, variables)
        made = reporter(newrelic={"licensekey": KEY})
        made.report(raised("first"), exchange())
        collecting.wait(1, "error_data")
        known[0] = False
        made.report(raised("second"), exchange())
        collecting.wait(2, "error_data")
        await made.close()
        assert [one.json[1][0][2] for one in collecting.wait(2, "error_data")] == ["first", "second"]
    assert losses(caplog) == []


@pytest.mark.usefixtures("patient")
async def test_new_relic_that_wants_no_more_gets_no_more(
    tmp_path: Path, newrelic_settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with new_relic_collector(tmp_path, lambda _: 410) as (collecting, variables):
        point(newrelic_settings, variables)
        made = reporter(newrelic={"licensekey": KEY})
        for _ in range(3):
            made.report(raised(), exchange())
        await made.close()
        assert len(collecting.received) == 1
    assert [count for _, _, count in losses(caplog)] == [1, 3]


def point(settings: Any, variables: dict[str, str]) -> None:
    settings.host, settings.port = variables["NEW_RELIC_HOST"], int(variables["NEW_RELIC_PORT"])
    settings.ca_bundle_path = variables["NEW_RELIC_CA_BUNDLE_PATH"]


def test_a_registry_serves_on_and_stops_while_its_services_are_in_trouble(tmp_path: Path) -> None:
    with (
        collector(lambda _: 403) as bugsnag,
        collector(lambda _: "hang") as sentry,
        new_relic_collector(tmp_path / "tls", lambda _: 401) as (newrelic, variables),
    ):
        section = (
            f"  bugsnag: {{apikey: {KEY}, endpoint: '{bugsnag.url}'}}\n"
            f"  sentry: {{dsn: '{sentry.dsn.replace('publickey', KEY)}'}}\n"
            f"  newrelic: {{licensekey: {KEY}}}\n"
        )
        server = failing_registry(tmp_path / "registry", section, variables)
        with running(server):
            answers = [ask(server) for _ in range(5)]
            for bad in (bugsnag, sentry, newrelic):
                bad.wait(1)
            bugsnag.wait(5)
            newrelic.wait(5)
            assert server.stop() == 0
            assert not sentry.ended.is_set(), "it still hangs"
    assert all(answer.startswith(b"HTTP/1.1 500 ") for answer in answers)
    lines = [line for line in server.log.read_text().splitlines() if "error reports do not arrive" in line]
    for name in ("bugsnag", "sentry", "newrelic"):
        of_it = [line for line in lines if f"service={name}" in line]
        # When it begins, and how many it were in the end; who hangs is given up on at the end, unless that is long after.
        begins = name != "sentry" or "no answer within" in of_it[0]
        assert len(of_it) == 1 + begins, of_it
        assert "count=5" in of_it[-1]
    assert KEY not in server.log.read_text()


@pytest.mark.usefixtures("patient")
async def test_after_trouble_reports_arrive_again(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[bytes | int] = [500, 500]
    with collector(lambda one: answers.pop() if answers else fine(one)) as flaky:
        made = reporter(bugsnag={"apikey": KEY, "endpoint": flaky.url})
        for _ in range(3):
            made.report(raised(), exchange())
        flaky.wait(3)
        await made.close()
    assert [count for _, _, count in losses(caplog)] == [1, 2]


SECTION = "  bugsnag: {apikey: k}\n  newrelic: {licensekey: k}\n  sentry: {dsn: 'https://k@example.com/1'}\n"


def refusal(tmp_path: Path) -> str:
    """What a registry with all three services says instead of starting; modules are taken from this folder first."""
    server = moorage_server(
        tmp_path / "registry", extra=f"reporting:\n{SECTION}", environment={"PYTHONPATH": str(tmp_path)}
    )
    try:
        with pytest.raises(RuntimeError, match="did not start"):
            server.start()
    finally:
        server.kill()
    return server.log.read_text()


def test_without_the_libraries_the_registry_does_not_start(tmp_path: Path) -> None:
    lacking = "import sys\nfor name in ('bugsnag', 'newrelic', 'sentry_sdk'):\n    sys.modules[name] = None\n"
    (tmp_path / "sitecustomize.py").write_text(lacking)
    config = tmp_path / "registry/config.yml"
    told = [re.sub(r"line \d+: ", "", line) for line in refusal(tmp_path).splitlines()]
    assert told == [
        f"moorage: {config}: reporting.bugsnag.apikey: bugsnag is not installed: pip install 'moorage[bugsnag]'",
        f"moorage: {config}: reporting.newrelic.licensekey: newrelic is not installed: pip install 'moorage[newrelic]'",
        f"moorage: {config}: reporting.sentry.dsn: sentry_sdk is not installed: pip install 'moorage[sentry]'",
    ]


def test_with_half_a_library_the_registry_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "sentry_sdk.py").write_text("import urllib4\n")
    assert "No module named 'urllib4'" in refusal(tmp_path)
