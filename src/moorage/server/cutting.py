"""How a worker ends the bodies that it still receives when its time is over.

A worker that were just killed would take with it what waits in its memory to be written: up to half a megabyte of each upload, even if
it arrived long before. So first it gets the order to wait for no more of them. Their requests end, and what has arrived is kept.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from moorage.api.body import reading
from moorage.server.signals import CUTTING

log = logging.getLogger(__name__)

GRACE_SECONDS: Final = 1.0
"""How long a worker has from then on to write what has arrived. Some stores are asked for that, so it is not done at once."""


def await_order() -> None:
    """Cut when the launcher sends the signal. Call this in the running event loop."""
    asyncio.get_running_loop().add_signal_handler(CUTTING, cut)


def cut() -> None:
    """End all bodies that have not come whole. Call this in the thread of the event loop."""
    if requests := reading.end():
        log.warning("requests were ended before their bodies had come whole", extra={"requests": requests})
