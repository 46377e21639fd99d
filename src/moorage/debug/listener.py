"""The listener: an HTTP server beside the registry's own, in the same event loop, with none of its limits."""

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
    """Takes connections from the socket that the workers share, whichever is free."""

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
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=CLOSING_SECONDS)
        await self._runner.setup()
        # A copy: whoever closes it closes nobody else's.
        await web.SockSite(self._runner, shared.dup(), backlog=BACKLOG).start()
        self._watching = asyncio.create_task(self._lag.watch())

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._runner is not None:
            await self._runner.cleanup()


def _is_ours(record: logging.LogRecord) -> bool:
    """Not that a client speaks no HTTP."""
    return not (record.exc_info and isinstance(record.exc_info[1], http_exceptions.HttpProcessingError))


log.addFilter(_is_ours)
