"""Which versions of HTTP are spoken, and the limits of each."""

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
"""The largest frame a client may send. A frame costs the same whatever its size. Go clients make full use of the limit, which
about doubles the speed of uploads."""
LEAST_WINDOW, MOST_WINDOW = 1 << 20, 4 << 20
"""Bounds in bytes of the flow-control window: a client may send that much before the server acknowledges it, so an upload
is limited to one window per round trip. A whole window can be in memory, so it is a fraction of `http.limits.memory`."""
WINDOWS: Final = 16


def speaks_http2(http: Http) -> bool:
    """Whether HTTP/2 is spoken: over TLS unless it is disabled, without TLS if it is enabled.

    Never on a unix socket: its connections have no address by which `idle` could distinguish them.
    """
    if isinstance(http.listen, Path):
        return False
    return not http.http2.disabled if http.tls.enabled else http.h2c.enabled


def waits_without_end(http: Http) -> bool:
    """Whether there are connections that Granian does not end by itself within the header timeout."""
    return speaks_http2(http) or (http.tls.enabled and not isinstance(http.listen, Path))


def settings(http: Http) -> dict[str, Any]:
    """Settings for Granian's server. Its mode `auto` has no timeout before the first request: see `idle`."""
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
