"""An HTTP server beside the registry's own, in the same event loop, with none of its limits."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from aiohttp import http_exceptions, web

from moorage.debug.lag import Lag
from moorage.debug.pages import Pages
from moorage.debug.parts import Parts

log = logging.getLogger(__name__)

BACKLOG: Final = 128
IDLE_SECONDS: Final = 15.0
CLOSING_SECONDS: Final = 1.0


class Listener:
    """Accepts connections from a socket that all workers share; a free worker takes the next one."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lag = Lag()
        self._watching: asyncio.Task[None] | None = None
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        shared = self._parts.shared.debug
        assert shared is not None
        server = web.Server(
            Pages(self._parts, self._lag),
            access_log=None,
            logger=log,
            keepalive_timeout=IDLE_SECONDS,
            # A profile ends when its client leaves.
            handler_cancellation=True,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=CLOSING_SECONDS)
        await self._runner.setup()
        # A duplicate, because the site closes its socket.
        await web.SockSite(self._runner, shared.dup(), backlog=BACKLOG).start()
        self._watching = asyncio.create_task(self._lag.watch())

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._runner is not None:
            await self._runner.cleanup()


def _is_ours(record: logging.LogRecord) -> bool:
    """Drop messages about clients that do not speak HTTP."""
    return not (record.exc_info and isinstance(record.exc_info[1], http_exceptions.HttpProcessingError))


log.addFilter(_is_ours)
