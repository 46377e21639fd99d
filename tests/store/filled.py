"""A registry with something of everything in it, and ways to harm it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from moorage.digest import Digest
from moorage.drivers.base import FileInfo, Part, Reader
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.names import Name, Tag
from tests.store.images import image, index
from tests.store.shelf import Shelf

AMD, ARM = image("amd64", layers=2), image("arm64")
LIST = index(AMD, ARM)
STRONG = image("strong", algorithm="sha512")
SIGNATURE = image("signature", subject=AMD)
LATE = image("late", layers=3)
A, B = Name("a"), Name("b/c")
BOTH = ("sha256", "sha512")


async def filled(shelf: Shelf) -> Shelf:
    await shelf.push("a", LIST, "list")
    await shelf.push("a", ARM, "moved")
    await shelf.push("a", AMD, "moved")
    await shelf.push("a", SIGNATURE)
    await shelf.push("b/c", STRONG, "strong", algorithms=BOTH)
    await shelf.push_blob("only/a/blob", b"no manifest names it")
    return shelf


def real(shelf: Shelf, path: str) -> Path:
    assert isinstance(shelf.driver, FilesystemDriver)
    return Path(shelf.driver.root + path)


def content(shelf: Shelf, *, without: str = "/.moorage/") -> dict[str, tuple[bytes, int]]:
    """All files, each with its inode: what is written anew has another one."""
    root = real(shelf, "")
    return {
        path: (file.read_bytes(), file.stat().st_ino)
        for file in root.rglob("*")
        if file.is_file() and without not in (path := f"/{file.relative_to(root)}")
    }


async def whole(shelf: Shelf) -> None:
    for one in (LIST, AMD, ARM, SIGNATURE):
        await shelf.check("a", one)
    await shelf.check("b/c", STRONG)
    assert await shelf.tags("a") == ["list", "moved"]
    assert await shelf.tags("b/c") == ["strong"]
    repository = shelf.registry.repository("a")
    assert await repository.tags.resolve(Tag("moved")) == AMD.digest
    assert [one.digest async for one in repository.referrers.of(AMD.digest)] == [SIGNATURE.digest]
    strong = shelf.registry.repository("b/c")
    assert await strong.manifests.exists(STRONG.sha512)
    for blob in STRONG.blobs:
        assert (await strong.blobs.stat(Digest.of(blob, "sha512"))).digest == Digest.of(blob)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def shortened(path: Path) -> None:
    os.setxattr(path, "user.moorage.size", b"%d" % path.stat().st_size)
    path.write_bytes(path.read_bytes()[:-1])


class Busy(InMemoryDriver):
    """Something happens to the registry just before its `at`-th question or removal."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.at = 0
        self.event: Callable[[], Awaitable[object]] | None = None

    async def _turn(self) -> None:
        self.asked += 1
        event = self.event
        if event is not None and self.asked == self.at:
            self.event = None
            await event()

    async def read(self, path: str) -> bytes:
        await self._turn()
        return await super().read(path)

    async def stat(self, path: str) -> FileInfo:
        await self._turn()
        return await super().stat(path)

    async def children(self, path: str) -> list[str]:
        await self._turn()
        return await super().children(path)

    async def open(self, path: str, *, mark: str = "", part: Part | None = None) -> Reader:
        await self._turn()
        return await super().open(path, mark=mark, part=part)

    async def delete(self, path: str, *, durable: bool = True) -> None:
        await self._turn()
        await super().delete(path)
