"""What was verified of an upload's bytes is never believed of others that come under its name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moorage.digest import Digest, Hashes
from moorage.drivers.base import Driver
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.errors import BodyEnded, DigestInvalid, UploadUnknown
from moorage.names import Name, UploadId
from moorage.store import layout
from moorage.store.hashing import Hashing, Progress
from moorage.store.policy import ReferencePolicy
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from moorage.store.uploads import Uploads

NAME = Name("team/app")
GOOD, EVIL = b"good" * 10_000, b"evil" * 10_000
DIGEST = Digest.of(GOOD)


@pytest.fixture(params=["filesystem", "inmemory"])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Driver:
    return FilesystemDriver(str(tmp_path)) if request.param == "filesystem" else InMemoryDriver()


def worker(driver: Driver) -> Uploads:
    """The uploads as one of several processes sees them: it remembers hashes of its own."""
    return Registry(Stock(driver, ReferencePolicy())).repository(NAME).uploads


async def body(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("workers", [1, 2])
async def test_nobody_goes_on_with_a_session_that_was_cancelled_while_he_waited(
    driver: Driver, workers: int
) -> None:
    first = worker(driver)
    second = first if workers == 1 else worker(driver)
    upload = await first.start()
    await upload.append(body(GOOD), at=0)
    verified = upload.progress
    assert verified.digests["sha256"] == DIGEST
    held = await driver.writer(layout.upload_data(NAME, upload.id), begun=True)
    late = await second.resume(upload.id, Progress())
    waiting = asyncio.create_task(late.append(body(EVIL), at=0))
    await asyncio.sleep(0.1)
    await (await first.resume(upload.id, verified)).cancel()
    await held.close()
    with pytest.raises(UploadUnknown):
        await waiting
    with pytest.raises(UploadUnknown):
        await (await first.resume(upload.id, verified)).commit([DIGEST])


async def test_a_session_that_was_cancelled_before_it_became_a_blob_becomes_none(driver: Driver) -> None:
    uploads = worker(driver)
    upload = await uploads.start()
    await upload.append(body(GOOD), at=0)
    resumed = await uploads.resume(upload.id, upload.progress)
    await upload.cancel()
    with pytest.raises(UploadUnknown):
        await resumed.append(body(EVIL), at=None)
    with pytest.raises(UploadUnknown):
        await resumed.commit([DIGEST])
    assert not await driver.is_folder(layout.upload(NAME, upload.id))


@pytest.mark.parametrize("ends", ["whole", "early"])
async def test_who_sends_to_a_session_that_another_process_cancels_is_told_that_it_is_gone(
    driver: Driver, ends: str
) -> None:
    """And not how much of it is kept."""
    first, second = worker(driver), worker(driver)
    upload = await first.start()

    async def cancelling() -> AsyncIterator[bytes]:
        yield GOOD
        await (await second.resume(upload.id)).cancel()
        yield GOOD
        if ends == "early":
            raise BodyEnded

    with pytest.raises(UploadUnknown):
        await upload.append(cancelling(), at=0)
    assert upload.progress.digests == {}
    with pytest.raises(UploadUnknown):
        await first.resume(upload.id)


async def test_the_digest_in_an_older_state_is_not_believed_of_more_bytes(driver: Driver) -> None:
    upload = await worker(driver).start()
    await upload.append(body(GOOD), at=0)
    await (await worker(driver).resume(upload.id, Progress())).append(body(EVIL), at=None)
    with pytest.raises(DigestInvalid):
        await (await worker(driver).resume(upload.id, upload.progress)).commit([DIGEST])


async def test_nor_of_bytes_that_came_after_it_was_looked_at(driver: Driver) -> None:
    upload = await worker(driver).start()
    await upload.append(body(GOOD), at=0)
    late = await worker(driver).resume(upload.id, upload.progress)
    await (await worker(driver).resume(upload.id, Progress())).append(body(EVIL), at=None)
    with pytest.raises(DigestInvalid):
        await late.commit([DIGEST])


def test_hashes_of_bytes_with_another_mark_are_not_taken() -> None:
    """Two clients of one session may have written different bytes, of one size."""
    hashing, upload, hashes = Hashing(), UploadId.new(), Hashes(["sha256"])
    hashes.update([GOOD])
    hashing.keep(upload, "one", hashes)
    assert hashing.take(upload, "other", len(GOOD), ["sha256"]) is None
    assert hashing.take(upload, "one", len(GOOD), ["sha256"]) is hashes
