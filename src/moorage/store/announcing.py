"""How a garbage collection keeps others away, and announces itself to servers that cache links. Repairs and copies use it too.

Where writers exclude each other, the collection locks a file; links are not cached there. An object store has no locks:
there the collection writes a text that all servers look at (`store.descriptors.trust`), waits until they have seen it, and
rewrites it every minute, which distinguishes a running collection from one that died. One that could not rewrite it for long
gives up before others take it for dead. The last text stays forever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from typing import Final

from moorage.drivers.base import Driver, DriverError, PathBusy, PathNotFound
from moorage.store import layout
from moorage.store.descriptors.trust import DEAD_SECONDS, RUNNING, TRUST_SECONDS

log = logging.getLogger(__name__)

NOTICE_SECONDS: Final = TRUST_SECONDS + 6.0
"""By then no server answers from what it cached before, and all requests that did have ended."""

HEARTBEAT_SECONDS: Final = 60.0
SILENT_SECONDS: Final = DEAD_SECONDS / 2
"""A collection whose heartbeats fail for this long, or that stood still for it, gives up."""


class AnotherCollection(Exception):
    """Another collection, repair or copy is running."""


@contextlib.asynccontextmanager
async def announced(
    driver: Driver, *, notice_seconds: float = NOTICE_SECONDS, dead_seconds: float = DEAD_SECONDS
) -> AsyncIterator[None]:
    """Keep other collections away during the block. If that can no longer be promised, the block is cancelled and DriverError raised.
    Raises AnotherCollection too."""
    async with _locked(driver) if driver.exclusive else _told(driver, notice_seconds, dead_seconds):
        yield


@contextlib.asynccontextmanager
async def _locked(driver: Driver) -> AsyncIterator[None]:
    """Hold a lock, which also ends when this process does."""
    try:
        writer = await driver.writer(layout.COLLECTION)
    except PathBusy:
        raise AnotherCollection("another garbage collection is running") from None
    try:
        yield
    finally:
        try:
            with contextlib.suppress(DriverError, OSError):
                await driver.delete(layout.COLLECTION, durable=False)
        finally:
            with contextlib.suppress(DriverError, OSError):
                await writer.close()


@contextlib.asynccontextmanager
async def _told(driver: Driver, notice_seconds: float, dead_seconds: float) -> AsyncIterator[None]:
    name = secrets.token_hex(8)
    running = f"{RUNNING} {name}"
    await _make_way(driver, dead_seconds)
    try:
        async with _beating(driver, running):
            await _begin(driver, running, notice_seconds)
            yield
    finally:
        await _end(driver, running, f"ended {name}")


@contextlib.asynccontextmanager
async def _beating(driver: Driver, running: str) -> AsyncIterator[None]:
    silence = asyncio.timeout(SILENT_SECONDS)
    try:
        async with silence:
            beating = asyncio.create_task(_beat(driver, running, silence))
            try:
                yield
            finally:
                beating.cancel()
                await asyncio.gather(beating, return_exceptions=True)
    except TimeoutError:
        if not silence.expired():
            raise
        raise DriverError(
            layout.COLLECTION,
            f"could not be rewritten for {SILENT_SECONDS / 60:.0f} minutes, so servers no longer wait for the end: run it again",
        ) from None


async def _make_way(driver: Driver, dead_seconds: float) -> None:
    if not (await last_text(driver)).startswith(RUNNING):
        return
    if await _beats(driver, dead_seconds):
        raise AnotherCollection(
            f"another garbage collection is running, or died less than {dead_seconds / 60:.0f} minutes ago"
        )
    log.warning("a garbage collection did not end; taking over from it")


async def runs(driver: Driver) -> bool:
    """Whether a collection runs over a store without locks, or died less than DEAD_SECONDS ago. Raises DriverError."""
    return (await last_text(driver)).startswith(RUNNING) and await _beats(driver, DEAD_SECONDS)


async def _beats(driver: Driver, dead_seconds: float) -> bool:
    beat = (await driver.stat(layout.COLLECTION)).modified
    return await _now(driver) - beat < dead_seconds


async def _now(driver: Driver) -> float:
    """What time it is by the clock of the store, which dates the heartbeats: that of this machine may be minutes ahead, and what
    runs would count as dead."""
    await driver.write([(layout.CLOCK, b"now")])
    return (await driver.stat(layout.CLOCK)).modified


async def _begin(driver: Driver, text: str, notice_seconds: float) -> None:
    await _write(driver, text)
    await asyncio.sleep(notice_seconds)
    if await last_text(driver) != text:
        raise AnotherCollection("another garbage collection began at the same time")


async def _beat(driver: Driver, text: str, silence: asyncio.Timeout) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        begun = asyncio.get_running_loop().time()
        try:
            if await last_text(driver) == text:
                await _write(driver, text)
                silence.reschedule(begun + SILENT_SECONDS)
        except DriverError as error:
            log.warning("could not tell that the garbage collection goes on", extra={"reason": str(error)})


async def _end(driver: Driver, running: str, text: str) -> None:
    """Announce the end. If this fails, servers look up everything in the storage until the collection counts as dead
    (`trust.DEAD_SECONDS`)."""
    try:
        if await last_text(driver) == running:
            await _write(driver, text)
    except DriverError as error:
        log.warning(
            "could not tell that the garbage collection ended: run it again", extra={"reason": str(error)}
        )


async def _write(driver: Driver, text: str) -> None:
    await driver.write([(layout.COLLECTION, text.encode())])


async def last_text(driver: Driver) -> str:
    """The text of the last announcement; empty if no collection ever ran. Raises DriverError."""
    try:
        return (await driver.read(layout.COLLECTION)).decode("latin-1")
    except PathNotFound:
        return ""


async def last_beat(driver: Driver) -> str:
    """The text of the last announcement, which differs after each heartbeat of a running collection. Raises DriverError."""
    text = await last_text(driver)
    if not text.startswith(RUNNING):
        return text
    return f"{text} {(await driver.stat(layout.COLLECTION)).modified}"
