"""Traces with OpenTelemetry, configured by its own variables (OTEL_*). Unless they ask for traces, no part of it is loaded.

asked       what the variables ask for; read first
assembling  sets up the parts of OpenTelemetry's SDK
requests    a span for each request
storage     spans below it for the operations of the driver; `opened` has those of open files
delivery    exports to the collector, and logs when that fails; `heard` has the log messages of the SDK
trying      tries it all out before the workers are forked
failing     errors in spans
words       texts from outside in attributes
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from moorage.observe import outward
from moorage.tracing.asked import MISSING, TracingError, exporters

if TYPE_CHECKING:
    from moorage.tracing.assembling import Tracing

__all__ = ["TracingError", "build", "check"]


def check() -> None:
    """Raise TracingError if `build` would. Leaves nothing behind, so it can be called before the workers are forked."""
    if exporters(os.environ):
        from moorage.tracing.trying import attempt

        attempt(build)


def build() -> Tracing | None:
    """Set up the traces of one worker; None if no variable asks for them. Raises TracingError.

    Starts threads, so it must be called after the fork.
    """
    wanted = exporters(os.environ)
    if not wanted:
        return None
    try:
        from moorage.tracing.assembling import assemble

        made = assemble(wanted)
    except ModuleNotFoundError:
        raise TracingError(MISSING) from None
    except ValueError as error:
        # The SDK raises this for invalid numbers, files and names in its variables.
        raise TracingError(f"OTEL_* variables: {error}") from None
    outward.carry(made.inject)
    return made
