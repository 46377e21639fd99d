"""The debug listener: health, metrics and facts about the process, on an address of its own.

    pages       which pages there are, in one table; read first
    listener    the server of the pages, in every worker
    parts       what they tell of
    facts       /debug/vars; `endpoints` are those of notifications, `lag` measures how late the event loop is
    counts      the page for Prometheus
    stacks      /debug/stacks
    profiling   /debug/profile; `pprof` writes the same in another form

Needs aiohttp: imported only where there is such a listener.
"""

from moorage.debug.listener import Listener
from moorage.debug.parts import Parts

__all__ = ["Listener", "Parts"]
