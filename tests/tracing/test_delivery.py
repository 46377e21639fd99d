"""Collectors that are down, hang or answer nonsense. The registry goes on, and says it once."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from moorage.tracing.delivery import Delivery
from tests.support.exchange import exchange
from tests.support.ports import free_port
from tests.support.server import AS_ALWAYS, Server, moorage_server, running
from tests.tracing.collector import asking, collecting, has

BEGINS, ENDS = "traces cannot be exported", "traces are exported again"
PATIENCE_SECONDS = 30.0


def server(folder: Path, url: str, **more: str) -> Server:
    variables = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "0.2",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        **more,
    }
    return moorage_server(folder, extra="  workers: 1\n", environment=variables)


def ask(server: Server, count: int = 1) -> None:
    for _ in range(count):
        assert exchange(server.address, "GET", "/v2/team/app/tags/list").status == 404


def lines(server: Server) -> list[str]:
    """What the server says besides its requests."""
    return [
        line
        for line in server.log.read_text().splitlines()
        if " HTTP/1.1" not in line and not AS_ALWAYS.search(line)
    ]


def told(server: Server, text: str) -> str:
    """The line with that text, once it is there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for line in lines(server):
            if text in line:
                return line
        time.sleep(0.02)
    raise AssertionError(f"no line tells {text!r}: {lines(server)}")


@contextlib.contextmanager
def answering(garbage: bytes) -> Iterator[str]:
    """Something that is no collector: it answers every connection with those bytes and closes it; without any, it is silent."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            kept.append(client)
            if garbage:
                client.recv(65536)
                client.sendall(garbage)
                client.shutdown(socket.SHUT_WR)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        # Closing alone does not wake a thread that waits in accept().
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for client in kept:
            client.close()


@pytest.mark.parametrize(
    "garbage", [b"", b"HTTP/1.1 400 No\r\nbad header\r\n\r\n"], ids=["silence", "garbage"]
)
def test_a_collector_that_is_none_is_told_of_once_and_requests_go_on(garbage: bytes, tmp_path: Path) -> None:
    with answering(garbage) as url, running(server(tmp_path, url)) as started:
        ask(started, 5)
        line = told(started, BEGINS)
        for _ in range(6):
            ask(started, 5)
            time.sleep(0.1)
        assert "level=warning" in line
        assert [one for one in lines(started) if one != line] == []


def test_a_collector_that_comes_back_gets_what_is_traced_then(tmp_path: Path) -> None:
    port = free_port()
    made = server(tmp_path, f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_TIMEOUT="2")
    with running(made) as started:
        ask(started, 3)
        assert "refused" in told(started, BEGINS)
        with collecting(port) as collector:
            collector.status = 503
            ask(started)
            assert collector.asked.wait(PATIENCE_SECONDS)
            assert len(lines(started)) == 1
            collector.status = 200
            ask(started)
            line = told(started, ENDS)
            assert collector.named("GET /v2/{name}/tags/list")
            assert len(lines(started)) == 2
        # Two of each of the first requests: lost, or kept until the collector was there.
        assert int(line.rpartition("lost=")[2].split()[0]) + len(collector.spans) >= 2 * 3


def test_spans_that_wait_for_a_collector_are_bounded_and_those_lost_are_counted(tmp_path: Path) -> None:
    variables = {"OTEL_BSP_MAX_QUEUE_SIZE": "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5"}
    requests = 100
    with collecting() as collector:
        collector.hanging.set()
        made = server(tmp_path, collector.url, **{**variables, "OTEL_EXPORTER_OTLP_TIMEOUT": "20"})
        with running(made) as started:
            ask(started, requests)
            told(started, "more spans than the collector takes")
            collector.hanging.clear()
            told(started, "more spans")
            assert started.stop() == 0
        [line] = [line for line in lines(made) if "spans were lost" in line]
        lost = int(line.rpartition("lost=")[2].split()[0])
        # Each request has a span for the storage below its own; the start-up asks once for the base.
        assert lost + len(collector.spans) >= 2 * requests
        assert len(collector.spans) <= 10 + 2 * 5


class Taking(SpanExporter):
    """A collector that takes all it is given."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def overflows(caplog: pytest.LogCaptureFixture) -> int:
    return sum("more spans than the collector takes" in record.message for record in caplog.records)


def burst(delivery: Delivery) -> None:
    """More spans than may wait, and then the collector takes those that do."""
    for _ in range(6):
        delivery.offer()
    delivery.export([ReadableSpan("one")] * 4)


def test_each_burst_of_too_many_spans_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moorage.tracing.delivery.AGAIN_SECONDS", 0.0)
    delivery = Delivery(Taking(), "otlp", 4)
    for number in range(3):
        burst(delivery)
        assert overflows(caplog) == number + 1
    delivery.farewell()
    assert caplog.records[-1].__dict__["lost"] == 6


def test_bursts_that_follow_each_other_are_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    delivery = Delivery(Taking(), "otlp", 4)
    for _ in range(3):
        burst(delivery)
    assert overflows(caplog) == 1


def test_a_server_that_stops_sends_what_was_traced(tmp_path: Path) -> None:
    with collecting() as collector:
        variables = asking(collector, OTEL_BSP_SCHEDULE_DELAY="60000")
        with running(moorage_server(tmp_path, environment=variables)) as started:
            ask(started, 3)
            assert collector.spans == []
            assert started.stop() == 0
        assert has(collector.spans, "GET /v2/{name}/tags/list", 3)
        assert lines(started) == []


def test_a_collector_that_hangs_does_not_keep_a_server_from_stopping(tmp_path: Path) -> None:
    with answering(b"") as url:
        variables = {"OTEL_EXPORTER_OTLP_TIMEOUT": "600", "OTEL_BSP_SCHEDULE_DELAY": "60000"}
        made = server(tmp_path, url, **variables)
        with running(made) as started:
            ask(started, 3)
            # Less than the collector's time by far: else it would be killed.
            assert started.stop(15) == 0
        assert [line for line in lines(made) if "spans were lost" in line]


def test_spans_on_the_console_are_lines_of_json_on_stderr_and_others_get_them_too(tmp_path: Path) -> None:
    with collecting() as collector:
        variables = {**asking(collector), "OTEL_TRACES_EXPORTER": "otlp,console"}
        with running(moorage_server(tmp_path, environment=variables)) as started:
            ask(started)
            told(started, '"GET /v2/{name}/tags/list"')
            assert started.stop() == 0
        assert has(collector.spans, "GET /v2/{name}/tags/list")
    spans = [json.loads(line) for line in lines(started)]
    [request] = [span for span in spans if span["name"] == "GET /v2/{name}/tags/list"]
    assert request["attributes"]["moorage.repository"] == "team/app"
