"""Images of one small layer, in the forms in which clients take and give them, so that bytes can be compared."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.support.images import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    canonical,
    descriptor,
    digest_of,
)

GZIP = b"\x1f\x8b"
FORM = "Directory Transport Version: 1.1\n"


@dataclass(frozen=True)
class SmallImage:
    """`files` is the layer's archive, `layer` the same compressed, as it travels."""

    config: bytes
    files: bytes
    layer: bytes

    @property
    def manifest(self) -> bytes:
        return canonical(
            {
                "schemaVersion": 2,
                "mediaType": DOCKER_MANIFEST,
                "config": descriptor(DOCKER_CONFIG, self.config),
                "layers": [descriptor(DOCKER_LAYER, self.layer)],
            }
        )

    @property
    def blobs(self) -> dict[str, bytes]:
        return {digest_of(content): content for content in (self.config, self.layer)}

    @property
    def travelled(self) -> frozenset[str]:
        """Digests of all that a registry has of it."""
        return frozenset(map(digest_of, (self.manifest, self.config, self.layer)))

    @property
    def unpacked(self) -> frozenset[str]:
        """Digests of all that an engine has of it, which compresses layers in its own way."""
        return frozenset(map(digest_of, (self.config, self.files)))

    def write_archive(self, path: Path, name: str) -> None:
        """As `docker save` writes images, and `docker load` takes them; `name` is the one that it gets."""
        told = {"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}
        parts = {
            "config.json": self.config,
            "layer.tar": self.files,
            "manifest.json": json.dumps([told]).encode(),
        }
        path.write_bytes(archive(parts))

    def write_folder(self, path: Path) -> None:
        """As Skopeo's `dir:` has images: the very bytes that travel."""
        path.mkdir(parents=True)
        (path / "version").write_text(FORM)
        (path / "manifest.json").write_bytes(self.manifest)
        for digest, content in self.blobs.items():
            (path / digest.removeprefix("sha256:")).write_bytes(content)


def small_image(text: str, cargo: bytes = b"") -> SmallImage:
    """The same text makes the same image, another text one that shares no content with it. With a `cargo` it is not so small."""
    files = archive({"text": text.encode(), "cargo": cargo})
    rootfs = {"type": "layers", "diff_ids": [digest_of(files)]}
    history = [{"created": "2026-01-01T00:00:00Z", "created_by": text}]
    config = canonical({"architecture": "amd64", "os": "linux", "rootfs": rootfs, "history": history})
    return SmallImage(config, files, gzip.compress(files, mtime=0))


def unpacked(contents: Iterable[bytes]) -> frozenset[str]:
    """Digests of contents, of those that are compressed without that."""
    return frozenset(digest_of(gzip.decompress(one) if one.startswith(GZIP) else one) for one in contents)


def archive(parts: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as files:
        for name, content in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            files.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def in_archive(path: Path) -> frozenset[str]:
    """Digests of the configuration and the layers in what `docker save` or one of its kind wrote."""
    with tarfile.open(path) as files:

        def content(name: str) -> bytes:
            member = files.extractfile(name)
            assert member is not None, f"{name} is no file in {path}"
            return member.read()

        (told,) = json.loads(content("manifest.json"))
        return frozenset(digest_of(content(name)) for name in (told["Config"], *told["Layers"]))


def in_folder(path: Path) -> frozenset[str]:
    """Digests of all content in a folder of Skopeo's form."""
    return frozenset(digest_of(file.read_bytes()) for file in path.iterdir() if file.name != "version")
