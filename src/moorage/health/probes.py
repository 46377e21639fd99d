"""Probes of the storage, of files and of addresses. The probe of URLs needs a library, so it has a module of its own, `http`."""

from __future__ import annotations

import asyncio
import os

from moorage.drivers.base import Driver, PathNotFound
from moorage.health.check import Failing, Probe
from moorage.store import layout


def storage_answers(driver: Driver, lasting: str = "") -> Probe:
    """A probe that expects any answer from the storage. An empty storage is well, but `lasting` must be there: a path that is as old
    as the storage, or empty if there is none."""

    async def probe() -> None:
        if lasting:
            try:
                await driver.stat(lasting)
            except PathNotFound:
                raise Failing("the storage is not there") from None
        # On an object store, a listing costs ten times as much as asking for one object, and returns up to a thousand names.
        try:
            await driver.stat(layout.SECRET)
        except PathNotFound:
            # The secret is not there if the configuration holds it. A store that gives no reasons says the same of a missing bucket, but
            # not in a listing.
            try:
                await driver.children(layout.TOKEN_KEYS)
            except PathNotFound:
                return

    return probe


def file_is_missing(path: str) -> Probe:
    asked: asyncio.Future[str] | None = None

    async def probe() -> None:
        nonlocal asked
        # On a mount that hangs, the thread hangs, too, and more of them would take all threads of the process.
        if asked is not None and not asked.done():
            raise Failing("no answer")
        asked = asyncio.get_running_loop().run_in_executor(None, _seen, path)
        # Shielded, because a cancelled future is done while its thread still hangs.
        if reason := await asyncio.shield(asked):
            raise Failing(reason)

    return probe


def _seen(path: str) -> str:
    """Why the path is not known to be missing; empty if it is missing."""
    try:
        os.stat(path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or type(error).__name__
    return "file exists"


def connects(host: str, port: int) -> Probe:
    """A probe that opens a connection; without a host, to localhost."""

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
