"""What uploads hold in memory: bytes that come in tiny pieces, and requests that wait for a session's previous one."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from moorage.drivers.base import Driver, Writer
from moorage.drivers.inmemory import InMemoryDriver
from moorage.errors import RangeInvalid
from moorage.names import Name
from moorage.store import layout
from moorage.store.policy import ReferencePolicy
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from moorage.store.uploads import WAITING, Upload, Uploads

NAME = Name("team/app")
PIECES = 100_000


@pytest.fixture
def driver() -> Driver:
    return InMemoryDriver()


@pytest.fixture
def uploads(driver: Driver) -> Uploads:
    return Registry(Stock(driver, ReferencePolicy())).repository(NAME).uploads


async def body(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def held(driver: Driver, upload: Upload) -> Writer:
    """The session's file, as the request has it that writes to it."""
    return await driver.writer(layout.upload_data(NAME, upload.id), begun=True)


async def append(uploads: Uploads, upload: Upload, data: bytes) -> None:
    await (await uploads.resume(upload.id)).append(body(data), at=None)


async def test_bytes_in_tiny_pieces_take_little_more_memory_than_in_large_ones(uploads: Uploads) -> None:
    async def tiny() -> AsyncIterator[bytes]:
        for number in range(PIECES):
            yield number.to_bytes(3, "big")

    upload = await uploads.start()
    tracemalloc.start()
    try:
        await upload.append(tiny(), at=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert upload.size == 3 * PIECES
    assert peak < 6 * upload.size


async def test_few_requests_wait_for_a_session_and_the_others_are_refused_at_once(
    driver: Driver, uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moorage.store.uploads.BUSY_SECONDS", 3600.0)
    upload, other = await uploads.start(), await uploads.start()
    async with asyncio.timeout(30):
        writer = await held(driver, upload)
        waiting = [asyncio.create_task(append(uploads, upload, b"x")) for _ in range(WAITING)]
        await asyncio.sleep(0.1)
        with pytest.raises(RangeInvalid):
            await append(uploads, upload, b"x")
        await append(uploads, other, b"x")
        assert not any(one.done() for one in waiting)
        await writer.close()
        await asyncio.gather(*waiting)
        await append(uploads, upload, b"x")
    assert (await uploads.resume(upload.id)).size == WAITING + 1


async def test_who_is_refused_is_told_how_far_the_session_is(
    driver: Driver, uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moorage.store.uploads.BUSY_SECONDS", 0.0)
    upload = await uploads.start()
    writer = await held(driver, upload)
    await writer.write([b"abc"])
    await writer.flush()
    late = await uploads.resume(upload.id, upload.progress)
    with pytest.raises(RangeInvalid):
        await late.append(body(b"x"), at=0)
    assert late.size == 3


async def test_few_requests_wait_for_sessions_in_all(
    driver: Driver, uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moorage.store.uploads.BUSY_SECONDS", 3600.0)
    monkeypatch.setattr("moorage.store.uploads.WAITING_IN_ALL", 1)
    first, second = await uploads.start(), await uploads.start()
    async with asyncio.timeout(30):
        writers = [await held(driver, one) for one in (first, second)]
        waiting = asyncio.create_task(append(uploads, first, b"x"))
        await asyncio.sleep(0.1)
        with pytest.raises(RangeInvalid):
            await append(uploads, second, b"x")
        for writer in writers:
            await writer.close()
        await waiting
        await append(uploads, second, b"x")
