"""What looked damaged: checked again before it is reported, and repaired where that cannot lose anything.

A repair that removes something checks once more right before it does, and again afterwards where it can put back what
it removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from moorage.digest import Digest
from moorage.drivers.base import Damaged, PathNotFound
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.checking.state import State, Unreadable
from moorage.store.contents import key, leads_to, target
from moorage.store.findings import Finding, unreadable
from moorage.store.removal import discard
from moorage.store.torn import named_last


class Suspect(Protocol):
    @property
    def place(self) -> str:
        """The path whose age shows whether it may be part of a push that is under way."""
        ...

    async def confirm(self, state: State) -> Finding | None:
        """The finding; None if the damage is not there any longer. Raises DriverError."""
        ...

    async def repair(self, state: State) -> bool:
        """Repair the damage if possible, and return whether it was. Raises DriverError."""
        ...


@dataclass(frozen=True, slots=True)
class TornLink:
    """A torn link. `holds` is the digest that it should hold according to its path; None if the path does not say."""

    place: str
    repository: Name
    holds: Digest | None

    async def confirm(self, state: State) -> Finding | None:
        content = await state.link(self.place)
        if content is None or not is_torn(content, self.holds):
            return None
        detail = "empty" if not content else "not what its path tells"
        return Finding("torn-link", self.place, self.repository, self.holds or "", detail)

    async def repair(self, state: State) -> bool:
        if self.holds is None or await self.confirm(state) is None:
            return False
        await state.driver.write([(self.place, self.holds.encode())])
        return True


def is_torn(content: bytes, holds: Digest | None) -> bool:
    return target(content) is None if holds is None else content != holds.encode()


@dataclass(frozen=True, slots=True)
class TornTag:
    repository: Name
    tag: Tag

    @property
    def place(self) -> str:
        return layout.tag_link(self.repository, self.tag)

    async def confirm(self, state: State) -> Finding | None:
        content = await state.link(self.place)
        if content is None or target(content, canonical=False) is not None:
            return None
        digest = await named_last(state.tree, self.repository, self.tag)
        detail = "its history tells what it named" if digest else "nothing tells what it named: push it again"
        return Finding("torn-tag", self.place, self.repository, digest or "", detail)

    async def repair(self, state: State) -> bool:
        digest = await named_last(state.tree, self.repository, self.tag)
        if digest is None or await self.confirm(state) is None:
            return False
        await state.driver.write([(self.place, digest.encode())])
        return True


@dataclass(frozen=True, slots=True)
class DanglingLayer:
    """A layer link whose blob is not there, as a collection of the reference implementation leaves them."""

    repository: Name
    digest: Digest
    canonical: Digest

    @property
    def place(self) -> str:
        return layout.layer_link(self.repository, self.digest)

    async def confirm(self, state: State) -> Finding | None:
        if await state.link(self.place) is None or not await state.is_gone(self.canonical):
            return None
        return Finding(
            "dangling-layer-link", self.place, self.repository, self.digest, "its blob is not there"
        )

    async def repair(self, state: State) -> bool:
        if await self.confirm(state) is None:
            return False
        await _remove(state, self.place)
        if await state.is_gone(self.canonical):
            return True
        # A push brought the blob just now, and did not write the link because it was still there.
        await state.driver.write([(self.place, self.canonical.encode())])
        return False


@dataclass(frozen=True, slots=True)
class DanglingReferrer:
    """A referrer link whose manifest the repository does not have."""

    repository: Name
    subject: Digest
    digest: Digest

    @property
    def place(self) -> str:
        return layout.referrer_link(self.repository, self.subject, self.digest)

    async def confirm(self, state: State) -> Finding | None:
        if await state.link(self.place) is None or await self._is_there(state):
            return None
        detail = "the repository has no such manifest"
        return Finding("dangling-referrer-link", self.place, self.repository, self.digest, detail)

    async def repair(self, state: State) -> bool:
        if await self.confirm(state) is None:
            return False
        await _remove(state, self.place)
        if not await self._is_there(state):
            return True
        await state.driver.write([(self.place, self.digest.encode())])
        return False

    async def _is_there(self, state: State) -> bool:
        return await state.manifest(self.repository, self.digest) is not None


@dataclass(frozen=True, slots=True)
class MissingReferrer:
    """A manifest with a subject, but without a referrer link, in a repository whose links are said to be complete. A registry
    that keeps no such links leaves this when it serves the tree for a while."""

    repository: Name
    subject: Digest
    digest: Digest

    @property
    def place(self) -> str:
        return layout.revision_link(self.repository, self.digest)

    @property
    def _link(self) -> str:
        return layout.referrer_link(self.repository, self.subject, self.digest)

    async def confirm(self, state: State) -> Finding | None:
        if await state.link(self._link) is not None:
            return None
        if await state.manifest(self.repository, self.digest) is None:
            return None
        detail = "the manifest is not listed among the referrers of its subject"
        return Finding("missing-referrer-link", self._link, self.repository, self.digest, detail)

    async def repair(self, state: State) -> bool:
        if await self.confirm(state) is None:
            return False
        await state.driver.write([(self._link, self.digest.encode())])
        return True


@dataclass(frozen=True, slots=True)
class DanglingRevision:
    """A manifest whose bytes are gone or damaged. The link stays, since a push of the bytes makes it right."""

    repository: Name
    digest: Digest
    canonical: Digest

    @property
    def place(self) -> str:
        return layout.revision_link(self.repository, self.digest)

    async def confirm(self, state: State) -> Finding | None:
        if await state.link(self.place) is None or await state.is_whole(self.canonical):
            return None
        detail = "damaged" if key(self.canonical) in state.corrupt else "not there"
        detail = f"its bytes are {detail}: push it again, or delete it"
        return Finding("dangling-revision-link", self.place, self.repository, self.digest, detail)

    async def repair(self, state: State) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class DanglingTag:
    """A tag that leads to no manifest. It is removed only if neither the repository's link nor the bytes exist."""

    repository: Name
    tag: Tag
    digest: Digest

    @property
    def place(self) -> str:
        return layout.tag_link(self.repository, self.tag)

    async def confirm(self, state: State) -> Finding | None:
        if await state.link(self.place) != self.digest.encode():
            return None
        canonical = await state.manifest(self.repository, self.digest)
        if canonical is not None and await state.is_whole(canonical):
            return None
        detail = (
            "its manifest is not there" if canonical is None else "the bytes of its manifest are not there"
        )
        return Finding("dangling-tag", self.place, self.repository, self.digest, detail)

    async def repair(self, state: State) -> bool:
        if not self.digest.canonical or await state.manifest(self.repository, self.digest) is not None:
            return False
        if not await state.is_gone(self.digest) or await self.confirm(state) is None:
            return False
        await discard(state.driver, layout.tag(self.repository, self.tag))
        return True


@dataclass(frozen=True, slots=True)
class MissingBlob:
    """Content that a manifest names and its repository cannot serve. `canonical` is None without a link."""

    repository: Name
    manifest: Digest
    digest: Digest
    canonical: Digest | None

    @property
    def place(self) -> str:
        return layout.revision_link(self.repository, self.manifest)

    async def confirm(self, state: State) -> Finding | None:
        if await state.link(self.place) is None:
            return None
        canonical = self.canonical or await self._linked(state)
        if canonical is not None and await state.is_whole(canonical):
            return None
        path = layout.layer_link(self.repository, self.digest)
        what = "has no link to it" if canonical is None else "cannot serve it"
        detail = f"{self.manifest} names it, and the repository {what}: push the image again"
        return Finding("missing-blob", path, self.repository, self.digest, detail)

    async def _linked(self, state: State) -> Digest | None:
        """The canonical digest according to a link that a push may have written since; None without one."""
        content = await state.link(layout.layer_link(self.repository, self.digest))
        if content is None:
            return await state.manifest(self.repository, self.digest)
        return leads_to(self.digest, content)

    async def repair(self, state: State) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class CorruptBlob:
    """Content that does not match its digest. It is removed once its bytes, read again, prove that. A push would repair it
    in place, but clients first ask whether the blob exists, and would not push it."""

    digest: Digest

    @property
    def place(self) -> str:
        return layout.blob_data(self.digest)

    async def confirm(self, state: State) -> Finding | None:
        try:
            fault = await state.fault(self.digest)
        except PathNotFound:
            return None
        except Unreadable as error:
            return unreadable("unreadable-blob", self.place, error.reason, self.digest)
        if not fault:
            state.corrupt.discard(key(self.digest))
            return None
        return Finding("corrupt-blob", self.place, digest=self.digest, detail=f"{fault}: push it again")

    async def repair(self, state: State) -> bool:
        try:
            before = await state.info(self.place)
            if before is None or not await self._is_proven(state):
                return False
            if await state.info(self.place) != before:
                return False
        except Damaged:
            # Clients are answered that it does not exist already, and its bytes cannot be read to prove more.
            return False
        await discard(state.driver, layout.folder_of(self.place))
        return True

    async def _is_proven(self, state: State) -> bool:
        """Whether the bytes, read again, do not match the digest. Bytes that cannot be read prove nothing."""
        found = await self.confirm(state)
        return found is not None and found.kind == "corrupt-blob"


async def _remove(state: State, link: str) -> None:
    """Remove a link, with the folder that holds nothing else."""
    await discard(state.driver, layout.folder_of(link))
