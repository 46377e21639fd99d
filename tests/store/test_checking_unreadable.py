"""A blob that looked damaged and cannot be read when it is looked at again: told, never removed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from moorage.digest import Digest
from moorage.drivers.base import DriverError, Part, Reader
from moorage.drivers.inmemory import InMemoryDriver
from moorage.store import layout
from moorage.store.checking.registry import Rules, check_registry
from tests.store.filled import AMD, filled
from tests.store.shelf import Shelf

PLACE = layout.blob_data(Digest.of(AMD.blobs[1]))


class Broken:
    """A file whose sectors fail."""

    data: bytes | None = None

    def __init__(self, size: int) -> None:
        self.size = size

    async def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes | bytearray]:
        raise DriverError(PLACE, "Input/output error")
        yield b""

    def close(self) -> None:
        return None


class Failing(InMemoryDriver):
    """One blob can be read so many times, and never again."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._times = times

    async def open(self, path: str, *, mark: str = "", part: Part | None = None) -> Reader:
        found = await super().open(path, mark=mark, part=part)
        if path != PLACE:
            return found
        self._times -= 1
        return found if self._times >= 0 else Broken(found.size)


# Quick, what is read first is the second look at a size that is not the manifest's. Else that is a second reading.
@pytest.mark.parametrize(("times", "quick"), [(0, True), (1, False)])
@pytest.mark.parametrize("repair", [False, True])
async def test_a_blob_that_cannot_be_read_again_is_told_with_the_rest_and_stays(
    times: int, *, quick: bool, repair: bool
) -> None:
    shelf = await filled(Shelf(Failing(times)))
    link = layout.layer_link(shelf.registry.repository("a").name, Digest.of(b"gone"))
    await shelf.driver.write([(PLACE, b"another size"), (link, Digest.of(b"gone").encode())])
    report = await check_registry(shelf.registry, Rules(repair, quick, -3600.0, notice_seconds=0.0))
    told = {(one.kind, one.path, one.repaired) for one in report.findings}
    assert {("unreadable-blob", PLACE, False), ("dangling-layer-link", link, repair)} <= told
    assert not any(PLACE in one.detail for one in report.findings), "the path is told already"
    assert await shelf.driver.read(PLACE) == b"another size"


async def test_a_blob_that_fails_only_when_it_would_be_removed_stays() -> None:
    """Read twice, and then not a third time: nothing proves that it is still damaged."""
    shelf = await filled(Shelf(Failing(2)))
    await shelf.driver.write([(PLACE, b"another size")])
    report = await check_registry(shelf.registry, Rules(True, False, -3600.0, notice_seconds=0.0))
    assert ("corrupt-blob", PLACE, False) in {(one.kind, one.path, one.repaired) for one in report.findings}
    assert await shelf.driver.read(PLACE) == b"another size"
