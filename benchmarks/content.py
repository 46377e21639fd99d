"""Deterministic content: the same bytes and digests in every run, on every server."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load.images import MANIFEST_TYPE, image_manifest

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
BLOCK_BYTES = 16 * MIB
TAGS_PER_REPOSITORY = 10
LAYERS_PER_REPOSITORY = 50
ABSENT_PER_REPOSITORY = 40
# Where the blobs of fixed sizes live.
SIZES_REPOSITORY = "bench/sizes"


@dataclass(frozen=True, slots=True)
class Blob:
    digest: str
    size: int
    path: Path


@dataclass(frozen=True, slots=True)
class Image:
    tag: str
    manifest: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


@dataclass
class Repository:
    name: str
    blobs: list[Blob] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class ContentFolder:
    """Writes content as files, once; asked again it answers from what is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._digests: dict[Path, str] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def blob(self, name: str, size: int) -> Blob:
        path = self.folder / name
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for piece in _pieces(name, size):
                digest.update(piece)
                file.write(piece)
        return Blob(f"sha256:{digest.hexdigest()}", size, path)

    def payload(self, size: int) -> Path:
        """Random bytes for uploads that differ in their tail only."""
        path = self.folder / f"payload-{size}"
        if not path.exists():
            self.blob(path.name, size)
        return path

    def digest(self, path: Path) -> str:
        """Of a file that does not change; read once."""
        if path not in self._digests:
            with path.open("rb") as file:
                self._digests[path] = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        return self._digests[path]

    def layout(self, size: int) -> Path:
        """An OCI image layout with one image: a config, and one layer of so many bytes."""
        folder = self.folder / f"layout-{size}"
        blobs = folder / "blobs" / "sha256"
        if not blobs.exists():
            blobs.mkdir(parents=True)
            parts = [self.blob(f"layout-config-{size}", 500), self.blob(f"layout-layer-{size}", size)]
            manifest = image_manifest(_pairs(parts))
            for blob in parts:
                os.link(blob.path, blobs / blob.digest.removeprefix("sha256:"))
            (blobs / digest_of(manifest).removeprefix("sha256:")).write_bytes(manifest)
            described = {"mediaType": MANIFEST_TYPE, "digest": digest_of(manifest), "size": len(manifest)}
            (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
            (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
        return folder

    def sized(self, size: int, count: int) -> list[Blob]:
        return [self.blob(f"blob-{size}-{number}", size) for number in range(count)]

    def repository(self, number: int) -> Repository:
        """Ten images, each of a config of 2 to 6 KB and one to nine of fifty small layers."""
        rng = random.Random(number)
        name = f"bench/team-{number % 7}/service-{number}"
        layers = [
            self.blob(f"layer-{number}-{k}", rng.randint(200, 2000)) for k in range(LAYERS_PER_REPOSITORY)
        ]
        configs = [
            self.blob(f"config-{number}-{k}", rng.randint(2000, 6000)) for k in range(TAGS_PER_REPOSITORY)
        ]
        images = [
            Image(f"v1.{k}", image_manifest(_pairs([config, *rng.sample(layers, rng.randint(1, 9))])))
            for k, config in enumerate(configs)
        ]
        absent = [digest_of(f"absent {number} {k}".encode()) for k in range(ABSENT_PER_REPOSITORY)]
        return Repository(name, layers + configs, images, absent)


def _pieces(name: str, size: int) -> Iterator[bytes]:
    """One random block, and for more than that the same again behind a number: hashing cannot tell."""
    block = random.Random(name).randbytes(min(size, BLOCK_BYTES))
    yield block
    for number, start in enumerate(range(BLOCK_BYTES, size, BLOCK_BYTES)):
        yield (number.to_bytes(8, "big") + block[8:])[: size - start]


def _pairs(blobs: list[Blob]) -> list[tuple[str, int]]:
    return [(blob.digest, blob.size) for blob in blobs]
