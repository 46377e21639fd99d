"""A collector of traces on loopback: what a registry sends it over OTLP/HTTP, decoded."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.support.threaded import ThreadedServer

WAIT_SECONDS = 30.0
SERVER, CLIENT, INTERNAL = (
    trace_pb2.Span.SPAN_KIND_SERVER,
    trace_pb2.Span.SPAN_KIND_CLIENT,
    trace_pb2.Span.SPAN_KIND_INTERNAL,
)
FAILED = trace_pb2.Status.STATUS_CODE_ERROR


@dataclass(frozen=True)
class Span:
    """`trace`, `id` and `parent` in hexadecimal; `events` are names with attributes; `service` tells who sent it."""

    name: str
    kind: int
    trace: str
    id: str
    parent: str
    attributes: Mapping[str, object]
    events: list[tuple[str, Mapping[str, object]]]
    status: int
    began: int
    ended: int
    service: Mapping[str, object]


class Collector:
    """`status`: what it answers. While `hanging` is set, it answers nothing at all."""

    def __init__(self, port: int = 0) -> None:
        self.status = 200
        self.hanging = threading.Event()
        self.asked = threading.Event()
        self.spans: list[Span] = []
        self.requests: list[Mapping[str, str]] = []
        self.arrived = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.asked.set()
                while collector.hanging.is_set():
                    time.sleep(0.05)
                if collector.status == 200:
                    collector.take(dict(self.headers), body)
                self.send_response(collector.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadedServer(Handler, port)
        self.url = self.server.endpoint

    def take(self, headers: Mapping[str, str], body: bytes) -> None:
        with self.arrived:
            self.requests.append({name.lower(): value for name, value in headers.items()})
            self.spans += decoded(body)
            self.arrived.notify_all()

    def wait_for(self, enough: Callable[[list[Span]], bool]) -> list[Span]:
        """The spans, once they are enough; what has come by the end of a long patience otherwise."""
        with self.arrived:
            self.arrived.wait_for(lambda: enough(self.spans), WAIT_SECONDS)
            return list(self.spans)

    def named(self, name: str, count: int = 1) -> list[Span]:
        """The first spans of that name."""
        found = [span for span in self.wait_for(lambda spans: has(spans, name, count)) if span.name == name]
        assert len(found) >= count, f"{name}: {sorted({span.name for span in self.spans})} arrived"
        return found


def has(spans: list[Span], name: str, count: int = 1) -> bool:
    return sum(span.name == name for span in spans) >= count


@contextlib.contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    collector = Collector(port)
    with collector.server.serving():
        try:
            yield collector
        finally:
            collector.hanging.clear()


def decoded(body: bytes) -> Iterator[Span]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = plain(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    name=span.name,
                    kind=span.kind,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    attributes=plain(span.attributes),
                    events=[(event.name, plain(event.attributes)) for event in span.events],
                    status=span.status.code,
                    began=span.start_time_unix_nano,
                    ended=span.end_time_unix_nano,
                    service=service,
                )


def plain(attributes: list[KeyValue]) -> dict[str, object]:
    return {
        one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value") for one in attributes
    }


def asking(collector: Collector, **more: str) -> dict[str, str]:
    """The variables of a server that sends its traces there, without waiting for many."""
    return {
        "OTEL_TRACES_EXPORTER": "",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        **more,
    }
