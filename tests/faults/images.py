"""Small real images, different every time: a config, a layer of their own, and a layer all share."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
SHARED_LAYER = b"a layer that every image has" * 64


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True)
class Image:
    """A manifest, byte for byte, and the blobs it names."""

    manifest: bytes
    blobs: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


def make_image(source: random.Random, *, layer_bytes: int | None = None) -> Image:
    """An image nobody has pushed yet; its layer is 2 to 20 KiB unless told."""
    layer = source.randbytes(layer_bytes or source.randrange(2048, 20480))
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": f"{source.random()}",
            "rootfs": {"type": "layers", "diff_ids": [digest_of(SHARED_LAYER), digest_of(layer)]},
        }
    ).encode()
    return Image(_manifest(config, (SHARED_LAYER, layer)), (config, SHARED_LAYER, layer))


def image_of(source: random.Random, *, layers: int) -> Image:
    """With so many layers of its own, and a config."""
    content = tuple(source.randbytes(3000) for _ in range(layers))
    config = json.dumps(
        {"rootfs": {"type": "layers", "diff_ids": [digest_of(one) for one in content]}}
    ).encode()
    return Image(_manifest(config, content), (config, *content))


def _manifest(config: bytes, layers: tuple[bytes, ...]) -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [_descriptor(layer, "application/vnd.oci.image.layer.v1.tar") for layer in layers],
        }
    ).encode()


def _descriptor(data: bytes, media_type: str) -> dict[str, str | int]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
