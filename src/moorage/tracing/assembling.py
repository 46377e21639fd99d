"""Sets up the parts of OpenTelemetry's SDK, which read most variables themselves."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, MutableMapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any, Final

from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter

from moorage import __version__
from moorage.api.observing import Observer
from moorage.drivers.base import Driver
from moorage.tracing import heard
from moorage.tracing.delivery import Batches
from moorage.tracing.requests import Requests
from moorage.tracing.storage import TracedDriver

FLUSH_SECONDS: Final = 2.0


class Tracing:
    """The traces of one worker."""

    def __init__(self, provider: TracerProvider, queues: Sequence[Batches]) -> None:
        self._provider = provider
        self._queues = queues
        self._tracer = provider.get_tracer("moorage", __version__)
        propagator = propagate.get_global_textmap()
        self.observer: Observer = Requests(self._tracer, propagator)
        self.inject: Callable[[MutableMapping[str, str]], None] = propagator.inject

    def traced(self, driver: Driver) -> Driver:
        """Wrap the driver, so that each of its operations gets a span."""
        return TracedDriver(driver, self._tracer)

    async def close(self) -> None:
        """Export the waiting spans, for two seconds at most."""
        # A daemon thread, joined for no longer than that: it may wait for a collector that never answers.
        ending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, FLUSH_SECONDS)
        for queue in self._queues:
            queue.delivery.farewell()


def assemble(wanted: Sequence[EntryPoint]) -> Tracing:
    """Set up tracing, with a thread for each exporter. Raises ValueError for an invalid variable, ModuleNotFoundError."""
    heard.listen()
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    queues = [Batches(_exporter(entry), entry.name) for entry in wanted]
    for queue in queues:
        provider.add_span_processor(queue)
    # For spans that access controllers from other packages add.
    trace.set_tracer_provider(provider)
    return Tracing(provider, queues)


def _resource() -> Resource:
    """This service, as OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME describe it."""
    found = Resource({SERVICE_VERSION: __version__}).merge(Resource.create())
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return found.merge(Resource({SERVICE_NAME: "moorage"}))
    return found


def _exporter(entry: EntryPoint) -> SpanExporter:
    kind: Any = entry.load()
    # Not to stdout, which belongs to the access log.
    made = kind(out=sys.stderr, formatter=_line) if entry.name == "console" else kind()
    assert isinstance(made, SpanExporter)
    return made


def _line(span: ReadableSpan) -> str:
    return f"{span.to_json(indent=None)}\n"
