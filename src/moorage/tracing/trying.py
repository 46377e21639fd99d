"""Tries to set up tracing in a separate process, whose threads and memory are gone before the workers are forked."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection

from moorage.tracing.asked import TracingError


def attempt(build: Callable[[], object]) -> None:
    """Run `build` in another process, and raise its TracingError."""
    fork = multiprocessing.get_context("fork")
    heard, telling = fork.Pipe(duplex=False)
    child = fork.Process(target=_build, args=(build, telling))
    child.start()
    telling.close()
    try:
        reason = heard.recv()
    except EOFError:
        reason = "OTEL_* variables: OpenTelemetry ends the process that uses it"
    child.join()
    if reason:
        raise TracingError(reason)


def _build(build: Callable[[], object], telling: Connection) -> None:
    # The workers will log the same messages.
    logging.disable()
    reason = ""
    try:
        build()
    except TracingError as error:
        reason = str(error)
    telling.send(reason)
    # Skips the shutdown of the exporters: nothing was traced.
    os._exit(0)
