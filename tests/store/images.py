"""Small images made from nothing, and what is needed to know them again byte for byte."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from moorage.digest import Digest
from moorage.manifest import OCI_INDEX, OCI_MANIFEST

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Image:
    """`blobs` are the config and the layers; an index has none and names its `children`."""

    payload: bytes
    blobs: tuple[bytes, ...] = ()
    children: tuple[Image, ...] = ()
    media_type: str = OCI_MANIFEST

    @property
    def digest(self) -> Digest:
        return Digest.of(self.payload)

    @property
    def sha512(self) -> Digest:
        return Digest.of(self.payload, "sha512")


def noise(seed: str, size: int) -> bytes:
    """`size` bytes that are always the same for one seed."""
    return hashlib.shake_128(seed.encode()).digest(size)


def descriptor(data: bytes, media_type: str, algorithm: str = "sha256") -> dict[str, Any]:
    return {"mediaType": media_type, "digest": Digest.of(data, algorithm), "size": len(data)}


def image(
    seed: str,
    *,
    layers: int = 1,
    size: int = 300,
    shared: bytes | None = None,
    subject: Image | None = None,
    subject_algorithm: str = "sha256",
    algorithm: str = "sha256",
    **members: Any,
) -> Image:
    """`shared` becomes one more layer; `algorithm` is that of the descriptors of blobs; `members` go into the manifest."""
    config = json.dumps({"seed": seed}).encode()
    contents = [noise(f"{seed}/{number}", size + number) for number in range(layers)]
    contents += [] if shared is None else [shared]
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config, CONFIG, algorithm),
        "layers": [descriptor(content, LAYER, algorithm) for content in contents],
        **members,
    }
    if subject is not None:
        document["subject"] = descriptor(subject.payload, subject.media_type, subject_algorithm)
    return Image(json.dumps(document).encode(), (config, *contents))


def index(*children: Image, **members: Any) -> Image:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [descriptor(child.payload, child.media_type) for child in children],
        **members,
    }
    return Image(json.dumps(document).encode(), (), children, OCI_INDEX)
