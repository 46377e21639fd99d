"""Delivery of spans to a collector. If it is down, hangs or answers nonsense, spans are dropped and counted, and the log shows
when that begins and when it ends. If there are more spans than it takes, the log shows when that begins."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from moorage.tracing.heard import reasons

log = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 60.0
"""The least time between two warnings of a kind, because a collector may fail every other time."""
QUEUE: Final = 2048
"""How many spans may wait; the SDK's default."""


class Delivery(SpanExporter):
    """An exporter around another one, called `name`, that counts lost spans and logs failures. `most` spans may wait."""

    def __init__(self, exporter: SpanExporter, name: str, most: int) -> None:
        self._exporter = exporter
        self._name = name
        self._most = most
        self._offered = self._taken = self._leaving = 0
        self._lost = self._told_lost = 0
        self._losing = threading.Lock()
        self._overflowing = self._failing = self._closed = False
        self._warned = self._warned_of_overflow = -AGAIN_SECONDS

    def offer(self) -> None:
        """Count a span that begins to wait. If too many are waiting, the queue drops the oldest one for it."""
        if self._offered - self._taken < self._most:
            self._offered += 1
            return
        self._lose(1)
        now = time.monotonic()
        if self._overflowing or self._failing or now - self._warned_of_overflow < AGAIN_SECONDS:
            return
        self._overflowing, self._warned_of_overflow = True, now
        log.warning("more spans than the collector takes: some are dropped", extra={"exporter": self._name})

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._taken += len(spans)
        # While a server is busy, there is hardly a moment at which none waits.
        if self._offered - self._taken <= self._most // 2:
            self._overflowing = False
        self._leaving = len(spans)
        with reasons() as heard:
            try:
                result = self._exporter.export(spans)
            except Exception as error:
                heard.append(f"{type(error).__name__}: {error}")
                result = SpanExportResult.FAILURE
        self._leaving = 0
        if result is SpanExportResult.SUCCESS:
            self._worked()
        else:
            self._lose(len(spans))
            self._failed(heard)
        return result

    def shutdown(self) -> None:
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()

    def farewell(self) -> None:
        """Shut down, and log the number of lost spans, including those still waiting or on their way."""
        self.shutdown()
        lost = self._lost - self._told_lost + self._offered - self._taken + self._leaving
        if lost:
            log.warning("spans were lost", extra={"exporter": self._name, "lost": lost})

    def _lose(self, count: int) -> None:
        """Requests lose spans in one thread, the exporter in another."""
        with self._losing:
            self._lost += count

    def _failed(self, heard: Sequence[str]) -> None:
        now = time.monotonic()
        if self._failing or self._closed or now - self._warned < AGAIN_SECONDS:
            return
        self._failing, self._warned = True, now
        log.warning(
            "traces cannot be exported, spans are dropped",
            # The first message gives the cause, the last one only that the exporter gave up.
            extra={"exporter": self._name, "reason": heard[0] if heard else "unknown"},
        )

    def _worked(self) -> None:
        if not self._failing:
            return
        self._failing = False
        log.info(
            "traces are exported again",
            extra={"exporter": self._name, "lost": self._lost - self._told_lost},
        )
        self._told_lost = self._lost


class Batches(BatchSpanProcessor):
    """Queues spans for a thread that exports them in batches (OTEL_BSP_*). Raises ValueError for invalid sizes."""

    def __init__(self, exporter: SpanExporter, name: str) -> None:
        self.delivery = Delivery(exporter, name, _most())
        super().__init__(self.delivery)

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self.delivery.offer()
            super().on_end(span)


def _most() -> int:
    try:
        return int(os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE", QUEUE))
    except ValueError:
        return QUEUE
