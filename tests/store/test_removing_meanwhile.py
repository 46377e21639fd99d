"""What others push or look at while links are removed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from moorage.digest import Digest
from moorage.drivers.base import Driver, FileInfo
from moorage.drivers.delegating import DelegatingDriver
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.errors import BlobUnknown
from moorage.names import Name
from moorage.store import layout
from moorage.store.blobstore import Blob, BlobStore
from moorage.store.descriptors.memory import MemoryDescriptors
from moorage.store.linked import Linked
from moorage.store.links import Links
from tests.store.images import image
from tests.store.shelf import Shelf


class Interrupted(DelegatingDriver):
    """Something happens just before a path is removed."""

    path = ""
    meanwhile: Callable[[], Awaitable[object]]

    async def delete(self, path: str, *, durable: bool = True) -> None:
        if path == self.path:
            self.path = ""
            await self.meanwhile()
        await self._driver.delete(path, durable=durable)


class Counting(DelegatingDriver):
    """Keeps the paths that are read or looked at."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.asked: list[str] = []

    async def read(self, path: str) -> bytes:
        self.asked.append(path)
        return await self._driver.read(path)

    async def stat(self, path: str) -> FileInfo:
        self.asked.append(path)
        return await self._driver.stat(path)


async def test_a_tag_that_is_pushed_while_its_manifest_is_deleted_goes_too(tmp_path: Path) -> None:
    """It was not there when the tags to remove were looked for."""
    one = image("one")
    driver = Interrupted(FilesystemDriver(str(tmp_path)))
    shelf = Shelf(driver)
    await shelf.push("a", one, "old")
    driver.path = layout.revision_link(Name("a"), one.digest)
    driver.meanwhile = lambda: shelf.push_manifest("a", one, "new")
    assert sorted(await shelf.registry.repository("a").manifests.delete(one.digest)) == ["new", "old"]
    assert await shelf.tags("a") == []
    await driver.close()


class Asked(MemoryDescriptors):
    """Counts the questions, each of which may be a round trip."""

    questions = 0

    async def get(self, link: str) -> Blob | None:
        self.questions += 1
        return await super().get(link)


@pytest.mark.parametrize("lasting", [True, False])
async def test_proving_a_link_asks_the_cache_once(lasting: bool) -> None:
    driver, known = InMemoryDriver(), Asked()
    linked = Linked(Links(driver), BlobStore(driver), known, lasting=lasting)
    digest = Digest.of(b"blob")
    link = layout.layer_link(Name("a"), digest)
    await driver.write([(layout.blob_data(digest), b"blob"), (link, digest.encode())])
    await linked.prove(link, digest)
    assert known.questions == 1
    assert await known.get(link) == Blob(digest, 4)
    await linked.prove(link, digest)
    assert known.questions == 3
    await driver.delete(link)
    if not lasting:
        with pytest.raises(BlobUnknown):
            await linked.prove(link, digest)


@pytest.mark.parametrize("lasting", [True, False])
async def test_content_that_another_program_removed_is_found_missing_by_the_next_push(lasting: bool) -> None:
    """Until then it is answered from the cache, and a client that asks first does not send it."""
    driver, known = InMemoryDriver(), MemoryDescriptors()
    linked = Linked(Links(driver), BlobStore(driver), known, lasting=lasting, proven_seconds=0)
    digest = Digest.of(b"blob")
    link = layout.layer_link(Name("a"), digest)
    await driver.write([(layout.blob_data(digest), b"blob"), (link, digest.encode())])
    assert await linked.find(link, digest) == Blob(digest, 4)
    await driver.delete(layout.blob_data(digest))
    assert await linked.find(link, digest) == Blob(digest, 4)
    with pytest.raises(BlobUnknown):
        await linked.prove(link, digest)
    with pytest.raises(BlobUnknown):
        await linked.find(link, digest)


async def test_a_push_of_what_is_missing_makes_nobody_forget_anything() -> None:
    """Anybody who may push can ask for that as often as they like."""
    driver, known = InMemoryDriver(), MemoryDescriptors()
    linked = Linked(Links(driver), BlobStore(driver), known, lasting=False)
    await linked.remember(["/link"], Blob(Digest.of(b"blob"), 4), time.monotonic())
    missing = Digest.of(b"missing")
    with pytest.raises(BlobUnknown):
        await linked.prove(layout.layer_link(Name("a"), missing), missing)
    assert await known.get("/link") is not None


@pytest.mark.parametrize("lasting", [True, False])
async def test_content_that_the_storage_took_or_gave_a_moment_ago_is_not_asked_for_again(
    lasting: bool,
) -> None:
    """Nor is its link, where clients cannot have removed it."""
    driver, known = Counting(InMemoryDriver()), MemoryDescriptors()
    linked = Linked(Links(driver), BlobStore(driver), known, lasting=lasting)
    digest = Digest.of(b"blob")
    link = layout.layer_link(Name("a"), digest)
    await driver.write([(layout.blob_data(digest), b"blob"), (link, digest.encode())])
    await linked.remember([link], Blob(digest, 4), time.monotonic())
    await linked.prove(link, digest)
    assert driver.asked == ([] if lasting else [link])
    # Another process has told of it, and may be wrong by now.
    linked = Linked(Links(driver), BlobStore(driver), known, lasting=lasting)
    await linked.prove(link, digest)
    assert driver.asked[-2:] == [link, layout.blob_data(digest)]


async def test_what_was_cached_during_a_removal_is_forgotten_after_it() -> None:
    driver, known = InMemoryDriver(), MemoryDescriptors()
    linked = Linked(Links(driver), BlobStore(driver), known, lasting=False)
    async with linked.removing("/link"):
        # By a request that found the link before it was removed.
        await linked.remember(["/link"], Blob(Digest.of(b"blob"), 4), time.monotonic())
        assert await known.get("/link") is not None
    assert await known.get("/link") is None
