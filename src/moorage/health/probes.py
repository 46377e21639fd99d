"""What is asked: the storage, files, addresses. `http` has the probe of URLs, which needs a library."""

from __future__ import annotations

import asyncio
import os

from moorage.drivers.base import Driver, PathNotFound
from moorage.health.check import Failing, Probe
from moorage.store import layout


def storage_answers(driver: Driver) -> Probe:
    """An empty storage is well: that nothing is there yet is an answer too."""

    async def probe() -> None:
        # On an object store a listing costs ten times what asking for one object does, and brings up to a thousand names.
        try:
            await driver.stat(layout.SECRET)
        except PathNotFound:
            # That one is not there if the configuration holds the secret. And a bucket that is not there looks the same.
            try:
                await driver.children(layout.TOKEN_KEYS)
            except PathNotFound:
                return

    return probe


def file_is_missing(path: str) -> Probe:
    async def probe() -> None:
        try:
            await asyncio.to_thread(os.stat, path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise Failing(error.strerror or type(error).__name__) from None
        raise Failing("file exists")

    return probe


def connects(host: str, port: int) -> Probe:
    """Without a host, to this machine."""

    async def probe() -> None:
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_connection(asyncio.Protocol, host or "localhost", port)
        except TimeoutError:
            raise
        except OSError as error:
            raise Failing(f"cannot connect: {error.strerror or error}") from None
        transport.close()

    return probe
