"""A thousand identical errors: some are reported, the rest is counted."""

from __future__ import annotations

import json
import threading
import time
import weakref
from typing import Any

import pytest

from moorage.observe.losses import reports
from moorage.reporting.bugsnag import Bugsnag
from moorage.reporting.courier import Courier, Undelivered
from moorage.reporting.dispatch import Dispatch
from moorage.reporting.rate import Rate
from tests.reporting.asked import exchange, raised, reporter
from tests.reporting.collecting import collector
from tests.support.garbage import collect
from tests.support.ports import free_port
from tests.support.starving import no_threads


def test_some_at_once_then_one_a_second() -> None:
    rate = Rate(a_minute=60, at_once=3)
    assert [rate.take(100.0) for _ in range(5)] == [0, 0, 0, None, None]
    assert rate.take(100.5) is None
    assert rate.take(101.0) == 3, "as many were left out"
    assert rate.take(101.0) is None
    assert [rate.take(1000.0) for _ in range(4)] == [1, 0, 0, None], "no more after a long time"


@pytest.mark.usefixtures("patient")
async def test_a_storm_is_cut_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    with collector() as bugsnag, collector() as sentry:
        made = reporter(bugsnag={"apikey": "k", "endpoint": bugsnag.url}, sentry={"dsn": sentry.dsn})
        for _ in range(1000):
            made.report(raised(), exchange())
        await made.close()
    assert len(bugsnag.received) == len(sentry.received)
    assert 10 <= len(bugsnag.received) < 100, "ten at once, and one a second"
    told = [record for record in caplog.records if record.getMessage() == "errors are not reported"]
    assert [record.__dict__["count"] for record in told] == [1, 1000 - len(bugsnag.received)]


async def test_a_report_tells_how_many_were_left_out_before_it() -> None:
    with collector() as bugsnag:
        made = Dispatch([Bugsnag("k", "", bugsnag.url)], Rate(a_minute=60_000, at_once=1))
        while len(bugsnag.received) < 50:
            made.report(raised(), exchange())
        await made.close()
    left_out = [one.json["events"][0]["metaData"]["request"]["leftOut"] for one in bugsnag.received]
    assert left_out[0] == 0
    assert sum(left_out) > 0


async def test_nothing_holds_on_to_what_an_error_held(newrelic_settings: Any) -> None:
    class Large(bytearray):
        pass

    def fail() -> Exception:
        large = Large(1 << 20)
        kept.append(weakref.ref(large))
        return raised(f"with {len(large)} bytes")

    def nested() -> Exception:
        try:
            raise fail()
        except RuntimeError as error:
            return error

    kept: list[weakref.ref[Large]] = []
    newrelic_settings.host, newrelic_settings.port = "localhost", free_port()
    with collector(lambda _: "hang") as slow:
        made = reporter(
            bugsnag={"apikey": "k", "endpoint": slow.url},
            sentry={"dsn": slow.dsn},
            newrelic={"licensekey": "k"},
        )
        for _ in range(3):
            made.report(nested(), exchange())
        slow.wait(2)
        collect()
        assert [ref() for ref in kept] == [None, None, None]
        slow.ended.set()
        await made.close()


class Gated:
    """A service that takes nothing until its gate is open."""

    def __init__(self) -> None:
        self.gate, self.begun = threading.Event(), threading.Event()
        self.sent: list[int] = []

    def send(self, parcel: int) -> None:
        self.begun.set()
        self.gate.wait(30)
        self.sent.append(parcel)


def test_more_than_can_wait_is_lost_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    service = Gated()
    courier = Courier("slow", service.send, waiting=3)
    courier.offer(0)
    assert service.begun.wait(30)
    for parcel in range(1, 10):
        courier.offer(parcel)
    service.gate.set()
    courier.stop()
    courier.join(time.monotonic() + 60)
    assert service.sent[0] == 0
    assert len(service.sent) in (3, 4), (
        "one on its way, and three that wait, one of which may give way to the end"
    )
    assert [record.__dict__["count"] for record in caplog.records] == [1, 10 - len(service.sent)]


def test_reports_are_sent_once_a_thread_can_be_started(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[int] = []
    courier = Courier("starved", sent.append)
    with no_threads():
        courier.offer(0)
        courier.offer(1)
    courier.offer(2)
    courier.stop()
    courier.join(time.monotonic() + 60)
    assert sent == [2]
    assert {record.__dict__["reason"] for record in caplog.records} == {"can't start new thread"}
    assert [record.__dict__["count"] for record in caplog.records] == [1, 2]


def test_a_courier_that_never_had_a_thread_can_be_stopped() -> None:
    courier = Courier("starved", print)
    before = reports["undelivered"].count()
    with no_threads():
        courier.offer(0)
        courier.stop()
        courier.join(0.0)
    assert reports["undelivered"].count() - before == 1


def test_all_that_still_waits_at_the_stop_is_counted_and_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    service = Gated()
    courier = Courier("slow", service.send)
    for parcel in range(8):
        courier.offer(parcel)
    assert service.begun.wait(30)
    courier.stop()
    before = reports["undelivered"].count()
    courier.join(time.monotonic())
    assert reports["undelivered"].count() - before == 8
    assert [record.__dict__["count"] for record in caplog.records] == [8]
    service.gate.set()
    courier.join(time.monotonic() + 60)
    assert service.sent == [0], "only what was on its way"


def test_what_a_library_raises_is_told_by_its_class_only(caplog: pytest.LogCaptureFixture) -> None:
    def send(parcel: str) -> None:
        raise ValueError(f"cannot send {parcel}")

    courier = Courier("broken", send)
    courier.offer("a secret")
    courier.stop()
    courier.join(time.monotonic() + 60)
    assert [record.__dict__["reason"] for record in caplog.records] == ["ValueError"]
    assert "a secret" not in json.dumps([str(vars(record)) for record in caplog.records])


def test_a_courier_that_had_nothing_to_do_has_no_thread() -> None:
    def send(_: str) -> None:
        raise Undelivered("never")

    courier = Courier("idle", send)
    courier.stop()
    courier.join(0.0)


@pytest.mark.usefixtures("patient")
async def test_an_exception_whose_text_fails_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with collector() as sentry, collector() as bugsnag:
        made = reporter(bugsnag={"apikey": "k", "endpoint": bugsnag.url}, sentry={"dsn": sentry.dsn})
        made.report(Silent(), exchange())
        made.report(raised("plain"), exchange())
        await made.close()
    assert len(bugsnag.wait(1)) == 1
    assert len(sentry.wait(1)) >= 1
    assert "errors cannot be reported" in caplog.text
