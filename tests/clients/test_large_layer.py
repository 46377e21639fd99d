"""A layer of a gibibyte that cannot be compressed: pushed by skopeo, pulled by podman."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.clients.adapters import INSECURE
from tests.support.command import Client
from tests.support.images import OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST, canonical, descriptor, write_layout
from tests.support.server import Server

SIZE = 1 << 30
PART = 8 << 20


@dataclass(frozen=True)
class Large:
    """An OCI layout with an image of one layer that holds one file; digests are hex sha256."""

    layout: Path
    layer: str
    cargo: str


class Hashed(io.RawIOBase):
    """A file that is written, and its digest."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def write(self, data: Any, /) -> int:
        self.digest.update(data)
        return self.file.write(data)


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture
def large(engine_folder: Path) -> Iterator[Large]:
    folder = engine_folder / "large"
    folder.mkdir()
    # The same part twice would not be compressed either, but might not be sent or stored twice. A cipher makes noise ten times as fast as
    # `random` does.
    noise, cargo = Cipher(algorithms.AES(bytes(32)), modes.CTR(bytes(16))).encryptor(), hashlib.sha256()
    zeros = bytes(PART)
    member = tarfile.TarInfo("cargo")
    member.size = SIZE
    with (folder / "layer").open("wb") as file:
        layer = Hashed(file)
        # Compressed in form only: clients compress plain layers themselves, and then the digest is another.
        with gzip.GzipFile(fileobj=layer, mode="wb", compresslevel=0) as compressed:
            archive = Hashed(compressed)
            archive.write(member.tobuf())
            for _ in range(SIZE // PART):
                part = noise.update(zeros)
                cargo.update(part)
                archive.write(part)
            archive.write(bytes(2 * tarfile.BLOCKSIZE))
    made = Large(folder / "layout", layer.digest.hexdigest(), cargo.hexdigest())
    write_image(made, folder / "layer", diff_id=f"sha256:{archive.digest.hexdigest()}")
    yield made
    shutil.rmtree(folder)


def write_image(made: Large, layer: Path, *, diff_id: str) -> None:
    """The layout around the layer, which is moved into it."""
    rootfs = {"type": "layers", "diff_ids": [diff_id]}
    config = canonical({"architecture": "amd64", "os": "linux", "rootfs": rootfs})
    described = {
        "mediaType": OCI_LAYER_GZIP,
        "digest": f"sha256:{made.layer}",
        "size": layer.stat().st_size,
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, config),
        "layers": [described],
    }
    write_layout(made.layout, [config], canonical(manifest), "local")
    layer.rename(made.layout / "blobs" / "sha256" / made.layer)


def test_a_layer_of_a_gibibyte_arrives_whole_at_another_client(
    large: Large, server: Server, skopeo: Client, podman: Client
) -> None:
    image = f"{server.address}/large:1"
    skopeo("copy", "--dest-tls-verify=false", f"oci:{large.layout}:local", f"docker://{image}")
    stored = next(server.root.rglob(f"{large.layer}/data"))
    assert file_sha256(stored) == large.layer
    shutil.rmtree(large.layout)

    podman("pull", "--quiet", INSECURE, image)
    mounted = Path(podman("image", "mount", image))
    assert file_sha256(mounted / "cargo") == large.cargo
    podman("image", "umount", image)
    podman("rmi", "--force", image)
    shutil.rmtree(server.root)
