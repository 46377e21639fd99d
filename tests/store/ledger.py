"""What a registry has acknowledged, written down beside it, and the check that it kept its word.

Each operation first widens what may be found (the old state or the new one) and, once it has returned, narrows it
to the new one. Whatever then becomes of the process, the storage must answer within that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from moorage.digest import Digest
from moorage.drivers.base import Driver, DriverError
from moorage.errors import BlobUnknown, ManifestUnknown, RegistryError
from moorage.manifest import parse
from moorage.names import Name, Tag
from moorage.store.garbage.collection import CollectionAborted, collect
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from tests.contracts.disk import Inline
from tests.store.images import Image

Key = tuple[str, str, str]
"""("tag", repository, tag) | ("manifest", repository, digest) | ("blob", repository, digest)."""

Outcome = str | None
"""What a tag leads to, or "there"; None for nothing there."""

THERE = "there"


@dataclass
class Ledger:
    allowed: dict[Key, frozenset[Outcome]] = field(default_factory=dict)
    content: dict[str, bytes] = field(default_factory=dict)
    pushes: list[tuple[str, Image, tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    """Repository, image, tags, algorithms."""

    @contextmanager
    def changing(self, effects: Mapping[Key, Outcome]) -> Iterator[None]:
        for key, outcome in effects.items():
            self.allowed[key] = self.allowed.get(key, frozenset({None})) | {outcome}
        yield
        for key, outcome in effects.items():
            self.allowed[key] = frozenset({outcome})

    def copy(self) -> Ledger:
        return Ledger(dict(self.allowed), dict(self.content), list(self.pushes))


class World:
    """A registry over a driver, used through operations that the ledger follows. With `lenient`, an operation may
    fail with an error that the API knows, and the next one goes on."""

    def __init__(self, driver: Driver, ledger: Ledger, *, lenient: bool = False) -> None:
        self.registry = Registry(Stock(driver))
        self.ledger = ledger
        self.lenient = lenient
        self.errors: list[Exception] = []
        self._driver = driver

    def other_worker(self) -> World:
        """Another process of the same server: it shares the folder, and nothing that is in memory."""
        assert isinstance(self._driver, Inline)
        driver = self._driver.again()
        return World(driver, self.ledger, lenient=self.lenient)

    @contextmanager
    def _doing(self, effects: Mapping[Key, Outcome]) -> Iterator[None]:
        try:
            with self.ledger.changing(effects):
                yield
        except (RegistryError, DriverError, CollectionAborted) as error:
            if not self.lenient:
                raise
            self.errors.append(error)

    async def push_blob(
        self, name: str, data: bytes, *, chunks: int = 1, algorithms: Sequence[str] = ("sha256",)
    ) -> None:
        digests = [Digest.of(data, algorithm) for algorithm in algorithms]
        self.ledger.content.update(dict.fromkeys((*digests, Digest.of(data)), data))
        uploads = self.registry.repository(name).uploads
        with self._doing({("blob", name, digest): THERE for digest in digests}):
            upload = await uploads.start()
            step = -(-len(data) // chunks) or 1
            for start in range(0, len(data), step):
                if start:
                    upload = await uploads.resume(upload.id, upload.progress)
                await upload.append(_body(data[start : start + step]), at=start, algorithms=algorithms)
            await upload.commit(digests)

    async def push(
        self, name: str, image: Image, *tags: str, chunks: int = 1, algorithms: Sequence[str] = ("sha256",)
    ) -> None:
        """All of an image: its children, its blobs, its manifest."""
        for child in image.children:
            await self.push(name, child)
        for blob in image.blobs:
            await self.push_blob(name, blob, chunks=chunks, algorithms=algorithms)
        await self.push_manifest(name, image, *tags, algorithms=algorithms)

    async def push_manifest(
        self, name: str, image: Image, *tags: str, algorithms: Sequence[str] = ("sha256",)
    ) -> None:
        digests = [Digest.of(image.payload, algorithm) for algorithm in algorithms]
        self.ledger.content.update(dict.fromkeys(digests, image.payload))
        self.ledger.pushes.append((name, image, tags, tuple(algorithms)))
        effects: dict[Key, Outcome] = {("manifest", name, digest): THERE for digest in digests}
        effects |= {("tag", name, tag): image.digest for tag in tags}
        with self._doing(effects):
            await self.registry.repository(name).manifests.put(
                parse(image.payload, image.media_type), digests, [Tag(tag) for tag in tags]
            )

    async def mount(self, name: str, data: bytes, source: str) -> None:
        digest = Digest.of(data)
        self.ledger.content[digest] = data
        with self._doing({("blob", name, digest): THERE}):
            await self.registry.repository(name).blobs.mount(digest, Name(source))

    async def delete_tag(self, name: str, tag: str) -> None:
        with self._doing({("tag", name, tag): None}):
            await self.registry.repository(name).tags.delete(Tag(tag))

    async def delete_manifest(self, name: str, digest: Digest) -> None:
        """Every digest of the same bytes goes, and the tags that lead to them."""
        allowed, payload = self.ledger.allowed, self.ledger.content[digest]
        effects: dict[Key, Outcome] = {}
        for key, outcomes in list(allowed.items()):
            same = key[:2] == ("manifest", name) and self.ledger.content[key[2]] == payload
            if same or (key[:2] == ("tag", name) and outcomes == {digest}):
                effects[key] = None
            elif key[:2] == ("tag", name) and digest in outcomes:
                allowed[key] = outcomes | {None}
        with self._doing(effects):
            await self.registry.repository(name).manifests.delete(digest)

    async def delete_blob(self, name: str, data: bytes) -> None:
        with self._doing({("blob", name, Digest.of(data)): None}):
            await self.registry.repository(name).blobs.delete(Digest.of(data))

    async def collect(self, *, delete_untagged: bool = False) -> None:
        """What nothing leads to may go; blobs that no manifest names are not followed any further."""
        doomed = [
            key
            for key in self.ledger.allowed
            if (key[0] == "blob" and key not in self._needed(delete_untagged))
            or (key[0] == "manifest" and delete_untagged and key not in self._needed(True))
        ]
        for key in doomed:
            self.ledger.allowed[key] |= {None}
        with self._doing({}):
            await collect(self.registry, delete_untagged=delete_untagged)
        for key in doomed:
            if key[0] == "blob":
                del self.ledger.allowed[key]

    def _needed(self, delete_untagged: bool) -> set[Key]:
        """Keys of all that something which is surely there leads to: manifests, or only tags."""
        by_digest = {image.digest: image for _, image, *_ in self.ledger.pushes}
        kept = "tag" if delete_untagged else "manifest"
        roots = []
        for (kind, name, what), outcomes in self.ledger.allowed.items():
            digest = what if outcomes == {THERE} else next(iter(outcomes)) if len(outcomes) == 1 else None
            if kind == kept and digest in by_digest:
                roots.append((name, by_digest[Digest(digest)]))
        needed: set[Key] = set()
        while roots:
            name, image = roots.pop()
            needed |= {("manifest", name, image.digest), ("manifest", name, image.sha512)}
            for blob in image.blobs:
                needed |= {("blob", name, Digest.of(blob)), ("blob", name, Digest.of(blob, "sha512"))}
            roots += [(name, child) for child in image.children if not self._may_be_gone(name, child.digest)]
        return needed

    async def verify(self) -> None:
        """Raises AssertionError when something acknowledged is missing, wrong, or has come back."""
        for key, outcomes in self.ledger.allowed.items():
            kind, name, what = key
            found = await getattr(self, f"_find_{kind}")(name, what)
            assert found in outcomes, f"{kind} {what} of {name}: {found or 'missing'}, not in {set(outcomes)}"

    async def _find_tag(self, name: str, tag: str) -> Outcome:
        repository = self.registry.repository(name)
        try:
            digest = await repository.tags.resolve(Tag(tag))
        except ManifestUnknown:
            return None
        found = await self._find_manifest(name, digest)
        assert found == THERE, f"tag {tag} of {name} leads to {digest}, which is missing"
        return digest

    async def _find_manifest(self, name: str, digest: str) -> Outcome:
        """A manifest that is there is there with all it names, unless its blobs may be gone."""
        repository = self.registry.repository(name)
        try:
            found = await repository.manifests.get(Digest(digest))
        except ManifestUnknown:
            return None
        assert found.payload == self.ledger.content[digest], f"other bytes for {digest} of {name}"
        for entry in found.blobs:
            there = await self._find_blob(name, entry.digest)
            may_be_gone = None in self.ledger.allowed.get(("blob", name, entry.digest), {None})
            assert there or may_be_gone, f"{digest} of {name} lacks its blob {entry.digest}"
        for child in found.manifests:
            there = await self._find_manifest(name, child.digest)
            assert there or self._may_be_gone(name, child.digest), f"{digest} of {name} lacks {child.digest}"
        return THERE

    def _may_be_gone(self, name: str, manifest: str) -> bool:
        """An index stays when one of its images is deleted."""
        return None in self.ledger.allowed.get(("manifest", name, manifest), {None})

    async def _find_blob(self, name: str, digest: str) -> Outcome:
        try:
            reader = await self.registry.repository(name).blobs.open(Digest(digest))
        except BlobUnknown:
            return None
        try:
            pieces = [bytes(piece) async for piece in reader.stream(0, reader.size, 1 << 20)]
        finally:
            reader.close()
        assert b"".join(pieces) == self.ledger.content[digest], f"other bytes for {digest} of {name}"
        return THERE

    async def heal(self, *, whole: bool) -> None:
        """Push everything that was ever pushed once more, with all its blobs or only those that the registry says
        it lacks, as clients do; all of it must be there afterwards."""
        for name, image, tags, algorithms in dict.fromkeys(self.ledger.pushes):
            if whole:
                await self.push(name, image, *tags, algorithms=algorithms)
                continue
            for blob in image.blobs:
                if not await self._has_blob(name, blob, algorithms):
                    await self.push_blob(name, blob, algorithms=algorithms)
            await self.push_manifest(name, image, *tags, algorithms=algorithms)
        await self.verify()

    async def _has_blob(self, name: str, data: bytes, algorithms: Sequence[str]) -> bool:
        try:
            for algorithm in algorithms:
                await self.registry.repository(name).blobs.stat(Digest.of(data, algorithm))
        except BlobUnknown:
            return False
        for algorithm in algorithms:
            key = ("blob", name, Digest.of(data, algorithm))
            self.ledger.allowed[key] = frozenset({THERE})
        return True


async def _body(data: bytes) -> AsyncIterator[bytes]:
    yield data
