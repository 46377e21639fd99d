"""The seed: what the workloads read. Pushed over HTTP to each registry, laid out as plain files for nginx."""

from __future__ import annotations

import asyncio
import hashlib
import mmap
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from benchmarks.content import GIB, KIB, MIB, SIZES_REPOSITORY, Blob, ContentFolder, Repository
from benchmarks.load.blobs import OCTETS, start_upload, with_digest
from benchmarks.load.connection import Connection
from benchmarks.load.images import MANIFEST_TYPE

PUSHERS = 8
# How many blobs of each size: enough that a workload does not read one and the same.
COUNTS = {4 * KIB: 64, 64 * KIB: 64, MIB: 32, 128 * MIB: 4, GIB: 1}
REPOSITORIES, REPOSITORIES_QUICK = 50, 10

Job = Callable[[Connection], Awaitable[None]]


@dataclass
class Seed:
    """Repositories with images, and blobs by size in `SIZES_REPOSITORY`."""

    content: ContentFolder
    repositories: list[Repository] = field(default_factory=list)
    sized: dict[int, list[Blob]] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, *, images: bool, sizes: Iterable[int], quick: bool) -> Seed:
        seed = cls(ContentFolder(folder))
        count = (REPOSITORIES_QUICK if quick else REPOSITORIES) if images else 0
        seed.repositories = [seed.content.repository(number) for number in range(count)]
        seed.sized = {size: seed.content.sized(size, COUNTS[size]) for size in sorted(sizes)}
        return seed

    def blobs(self) -> list[tuple[str, Blob]]:
        """All blobs with the repository each belongs to."""
        found = [(repository.name, blob) for repository in self.repositories for blob in repository.blobs]
        return found + [(SIZES_REPOSITORY, blob) for blobs in self.sized.values() for blob in blobs]


def push(seed: Seed, port: int) -> None:
    """Push everything and read a part of it back; raises UnexpectedAnswer."""
    blobs = [_blob_push(repository, blob) for repository, blob in seed.blobs()]
    manifests = [
        _manifest_push(repository.name, image.tag, image.manifest)
        for repository in seed.repositories
        for image in repository.images
    ]
    checks = [_check(SIZES_REPOSITORY, blobs[0]) for blobs in seed.sized.values()]
    checks += [_check(repository.name, repository.blobs[0]) for repository in seed.repositories]

    uvloop.run(_in_turn([blobs, manifests, checks], port))


async def _in_turn(stages: list[list[Job]], port: int) -> None:
    for jobs in stages:
        await _all(jobs, port)


async def _all(jobs: list[Job], port: int) -> None:
    waiting = iter(jobs)

    async def pusher() -> None:
        connection = await Connection(port).open()
        for job in waiting:
            await job(connection)
        connection.close()

    async with asyncio.TaskGroup() as pushers:
        for _ in range(PUSHERS):
            pushers.create_task(pusher())


def _blob_push(repository: str, blob: Blob) -> Job:
    async def job(connection: Connection) -> None:
        target = await start_upload(connection, repository)
        with (
            blob.path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content,
            memoryview(content) as view,
        ):
            answer = await connection.send("PUT", with_digest(target, blob.digest), OCTETS, view)
        answer.expect(201, f"PUT of a blob of {blob.size} bytes")

    return job


def _manifest_push(repository: str, tag: str, manifest: bytes) -> Job:
    async def job(connection: Connection) -> None:
        target = f"/v2/{repository}/manifests/{tag}"
        answer = await connection.send("PUT", target, {"Content-Type": MANIFEST_TYPE}, manifest)
        answer.expect(201, "PUT of a manifest")

    return job


def _check(repository: str, blob: Blob) -> Job:
    """A server that answers fast and wrong shall not win."""

    async def job(connection: Connection) -> None:
        answer = await connection.send("GET", f"/v2/{repository}/blobs/{blob.digest}")
        body = answer.expect(200, f"GET of a blob of {blob.size} bytes").body
        if f"sha256:{hashlib.sha256(body).hexdigest()}" != blob.digest:
            raise ValueError(f"a blob of {blob.size} bytes came back with other content")

    return job


def lay_out(seed: Seed, root: Path) -> None:
    """The same bytes under the same paths as plain files."""
    for repository, blob in seed.blobs():
        _link(blob.path, root / "v2" / repository / "blobs" / blob.digest)
    for owner in seed.repositories:
        for image in owner.images:
            for reference in (image.tag, image.digest):
                path = root / "v2" / owner.name / "manifests" / reference
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(image.manifest)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)
