"""Traces for OpenTelemetry, configured by its own variables (OTEL_*). Without any of them nothing of it is loaded.

asked       what the variables ask for; read first
assembling  the parts of OpenTelemetry's SDK, put together
requests    a span for each request
storage     spans below it for what the driver does; `opened` those of files that stay open a while
delivery    the way to the collector, and what the log tells when it is blocked; `heard` what the SDK says of it
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
    """Raises TracingError if `build` would. To be asked before workers are forked, for it leaves nothing behind."""
    if exporters(os.environ):
        from moorage.tracing.trying import attempt

        attempt(build)


def build() -> Tracing | None:
    """What one worker traces; None where no variable asks for it. Starts threads: to be called after the fork. Raises
    TracingError."""
    wanted = exporters(os.environ)
    if not wanted:
        return None
    try:
        from moorage.tracing.assembling import assemble

        made = assemble(wanted)
    except ModuleNotFoundError:
        raise TracingError(MISSING) from None
    except ValueError as error:
        # So the SDK refuses a number, a file or a name of its variables.
        raise TracingError(f"OTEL_* variables: {error}") from None
    outward.carry(made.inject)
    return made
