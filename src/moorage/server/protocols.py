"""Which versions of HTTP are spoken, and the bounds of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from granian.constants import HTTPModes
from granian.http import HTTP1Settings, HTTP2Settings

from moorage.config.sections.http import Http

BUFFER_BYTES: Final = 256 << 10
STREAMS: Final = 100
HEADER_BYTES: Final = 32 << 10
FRAME_BYTES: Final = 512 << 10
"""The largest that a client may send. Each one costs as much as the next, whatever its length; those written in Go make use
of this, which for uploads is half of the speed."""
LEAST_WINDOW, MOST_WINDOW = 1 << 20, 4 << 20
"""Of what a client may send before it hears that it was taken: the speed of an upload is at most so much in each round
trip. All of it can be in memory, so it is a part of `http.limits.memory`."""
WINDOWS: Final = 16


def speaks_http2(http: Http) -> bool:
    """Over TLS unless it is switched off, without TLS if it is switched on; never on a unix socket, for its connections
    have no address by which `idle` could tell them apart."""
    if isinstance(http.listen, Path):
        return False
    return not http.http2.disabled if http.tls.enabled else http.h2c.enabled


def waits_without_end(http: Http) -> bool:
    """Whether there are connections that Granian does not end by itself in the time for headers."""
    return speaks_http2(http) or (http.tls.enabled and not isinstance(http.listen, Path))


def settings(http: Http) -> dict[str, Any]:
    """For Granian's server. What it calls `auto` has no time-out of its own before the first request: see `idle`."""
    window = min(MOST_WINDOW, max(LEAST_WINDOW, http.limits.memory // WINDOWS))
    header_milliseconds = int(http.limits.headertimeout.total_seconds() * 1000)
    return {
        "http": HTTPModes.auto if speaks_http2(http) else HTTPModes.http1,
        "http1_settings": HTTP1Settings(
            header_read_timeout=header_milliseconds, max_buffer_size=BUFFER_BYTES
        ),
        "http2_settings": HTTP2Settings(
            initial_connection_window_size=window,
            initial_stream_window_size=window,
            max_frame_size=FRAME_BYTES,
            max_concurrent_streams=STREAMS,
            max_headers_size=HEADER_BYTES,
        ),
    }
