"""The debug listener: health, metrics and facts about the process, on an address of its own.

    pages       all pages in one table; read first
    listener    serves the pages, in every worker
    parts       the parts of the worker that the pages describe
    facts       /debug/vars; `endpoints` describes those of notifications, `lag` measures how late the event loop is
    counts      the page for Prometheus
    stacks      /debug/stacks
    profiling   /debug/profile; `pprof` encodes the same for pprof

Needs aiohttp, so it is imported only where the listener is configured.
"""

from moorage.debug.listener import Listener
from moorage.debug.parts import Parts

__all__ = ["Listener", "Parts"]
