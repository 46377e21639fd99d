"""Small images in every format, with what they refer to, as plain bytes."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from typing import Any

from tests.support.images import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    canonical,
    descriptor,
    digest_of,
)


@dataclass(frozen=True)
class Document:
    """A manifest of any kind: its media type, its bytes and the blobs it refers to."""

    media_type: str
    body: bytes
    blobs: tuple[bytes, ...] = ()

    @property
    def digest(self) -> str:
        return digest_of(self.body)


def noise(seed: str, size: int) -> bytes:
    """Bytes that are the same in every run and compress badly."""
    return hashlib.shake_128(seed.encode()).digest(size)


def image(seed: str, *, docker: bool, layers: int = 2, **more: Any) -> Document:
    """An image whose content depends on `seed`; `more` are further fields of its manifest."""
    kind, config_kind, layer_kind = (
        (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER)
        if docker
        else (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER_GZIP)
    )
    archives = [noise(f"{seed} {number}", 1000 + 300 * number) for number in range(layers)]
    packed = [gzip.compress(archive, mtime=0) for archive in archives]
    rootfs = {"type": "layers", "diff_ids": [digest_of(archive) for archive in archives]}
    config = canonical({"architecture": "amd64", "os": "linux", "rootfs": rootfs, "author": seed})
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": descriptor(config_kind, config),
        "layers": [descriptor(layer_kind, layer) for layer in packed],
        **more,
    }
    # Spaces and a last newline, to notice a server that writes JSON anew instead of keeping bytes.
    return Document(kind, canonical(manifest).replace(b'":', b'" : ') + b"\n", (config, *packed))


def index(*children: Document, docker: bool, **more: Any) -> Document:
    """An index (or manifest list) of documents, each for another architecture."""
    kind = DOCKER_LIST if docker else OCI_INDEX
    entries = [
        descriptor(child.media_type, child.body, platform={"architecture": architecture, "os": "linux"})
        for child, architecture in zip(children, ("amd64", "arm64", "s390x"), strict=False)
    ]
    return Document(kind, canonical({"schemaVersion": 2, "mediaType": kind, "manifests": entries, **more}))
