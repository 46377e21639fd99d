"""A registry over a driver, filled and looked at without HTTP: what a collection is tried on."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator

from moorage.digest import Digest
from moorage.drivers.base import Driver, DriverError, FileInfo, PathNotFound
from moorage.drivers.inmemory import InMemoryDriver
from moorage.manifest import parse
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.blobstore import Blob
from moorage.store.garbage.collection import Collection, collect
from moorage.store.policy import ReferencePolicy
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from tests.store.images import Image


class Shelf:
    """Indexes may name children that are not there, as a registry with `validation.disabled` lets them."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.registry = Registry(Stock(driver, ReferencePolicy(children="none")))

    async def push(
        self, name: str, image: Image, *tags: str, algorithms: tuple[str, ...] = ("sha256",)
    ) -> Digest:
        """An image with all it is made of, an index with its children."""
        for child in image.children:
            await self.push(name, child, algorithms=algorithms)
        for blob in image.blobs:
            await self.push_blob(name, blob, algorithms)
        return await self.push_manifest(name, image, *tags, algorithms=algorithms)

    async def push_manifest(
        self, name: str, image: Image, *tags: str, algorithms: tuple[str, ...] = ("sha256",)
    ) -> Digest:
        digests = [Digest.of(image.payload, algorithm) for algorithm in algorithms]
        manifest = parse(image.payload, image.media_type)
        repository = self.registry.repository(name)
        return await repository.manifests.put(manifest, digests, [Tag(tag) for tag in tags])

    async def push_blob(self, name: str, data: bytes, algorithms: tuple[str, ...] = ("sha256",)) -> Digest:
        digest = Digest.of(data)
        aliases = tuple(Digest.of(data, algorithm) for algorithm in algorithms)
        await self.driver.write([(layout.blob_data(digest), data)])
        await self.registry.repository(name).blobs.link(Blob(digest, len(data)), aliases)
        return digest

    async def collect(
        self, *, delete_untagged: bool = False, dry_run: bool = False, grace: float = 0.0
    ) -> Collection:
        return await collect(
            self.registry,
            delete_untagged=delete_untagged,
            dry_run=dry_run,
            grace=datetime.timedelta(seconds=grace),
        )

    async def check(self, name: str, image: Image) -> None:
        """Raises an error of the registry unless the whole of an image is there, byte for byte."""
        repository = self.registry.repository(name)
        found = await repository.manifests.get(image.digest)
        assert found.payload == image.payload
        for blob in image.blobs:
            await repository.blobs.stat(Digest.of(blob))
            assert await repository.store.read(Digest.of(blob)) == blob
        for child in image.children:
            await self.check(name, child)

    async def has(self, name: str, image: Image) -> bool:
        return await self.registry.repository(name).manifests.exists(image.digest)

    async def tags(self, name: str) -> list[str]:
        return list(await self.registry.repository(name).tags.names())

    async def catalog(self) -> list[str]:
        return [name async for name in self.registry.names()]

    async def blobs(self) -> set[str]:
        """Digests of all content that lies there."""
        return {path.split("/")[-2] async for path in self.files(layout.CANONICAL_BLOBS)}

    async def revisions(self, name: str) -> set[str]:
        """Hexadecimal digests of the repository's manifests."""
        return {path.split("/")[-2] async for path in self.files(f"{layout.revisions(Name(name))}/sha256")}

    async def layers(self, name: str) -> set[str]:
        """Hexadecimal digests that the repository may serve as blobs."""
        return {path.split("/")[-2] async for path in self.files(f"{layout.layers(Name(name))}/sha256")}

    async def files(self, folder: str = layout.ROOT) -> AsyncIterator[str]:
        """Paths of all files below a folder."""
        try:
            names = await self.driver.children(folder)
        except PathNotFound:
            return
        for name in names:
            path = f"{folder}/{name}"
            if (await self.driver.stat(path)).is_folder:
                async for file in self.files(path):
                    yield file
            else:
                yield path


def referrers_tag(subject: Image) -> str:
    """Where clients without the referrers API list the referrers of an image."""
    return subject.digest.replace(":", "-")


class Unreliable(InMemoryDriver):
    """Answers its `at`-th question with `error`, and the `length - 1` questions after it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.at = 0
        self.length = 1
        self.error: type[Exception] = DriverError

    def snapshot(self) -> dict[str, bytes]:
        return {path: bytes(file.data) for path, file in self._files.items()}

    async def restore(self, files: dict[str, bytes]) -> None:
        self._files.clear()
        await self.write(files.items())
        self.asked = self.at = 0

    def _turn(self, path: str) -> None:
        self.asked += 1
        if self.at and self.at <= self.asked < self.at + self.length:
            raise self.error(path)

    async def read(self, path: str) -> bytes:
        self._turn(path)
        return await super().read(path)

    async def stat(self, path: str) -> FileInfo:
        self._turn(path)
        return await super().stat(path)

    async def children(self, path: str) -> list[str]:
        self._turn(path)
        return await super().children(path)
