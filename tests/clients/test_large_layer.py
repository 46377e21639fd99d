"""A layer of a gibibyte that cannot be compressed: pushed by skopeo, pulled by skopeo and by podman."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

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


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture
def large(engine_folder: Path) -> Iterator[Large]:
    folder = engine_folder / "large"
    folder.mkdir()
    cargo, archive, layer = folder / "cargo", folder / "archive", folder / "layer"
    with cargo.open("wb") as file:
        for _ in range(SIZE // PART):
            file.write(os.urandom(PART))
    with tarfile.open(archive, "w") as files:
        files.add(cargo, "cargo")
    # Compressed in form only: clients compress plain layers themselves, and then the digest is another.
    with archive.open("rb") as source, gzip.open(layer, "wb", compresslevel=0) as target:
        shutil.copyfileobj(source, target, PART)
    made = Large(folder / "layout", file_sha256(layer), file_sha256(cargo))
    write_image(made, layer, diff_id=f"sha256:{file_sha256(archive)}")
    cargo.unlink()
    archive.unlink()
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


def test_a_layer_of_a_gibibyte_arrives_whole_at_two_other_clients(
    large: Large, server: Server, skopeo: Client, podman: Client, engine_folder: Path
) -> None:
    image = f"{server.address}/large:1"
    skopeo("copy", "--dest-tls-verify=false", f"oci:{large.layout}:local", f"docker://{image}")
    shutil.rmtree(large.layout)

    pulled = engine_folder / "large" / "pulled"
    skopeo("copy", "--src-tls-verify=false", f"docker://{image}", f"dir:{pulled}")
    assert file_sha256(pulled / large.layer) == large.layer
    shutil.rmtree(pulled)

    podman("pull", "--quiet", INSECURE, image)
    mounted = Path(podman("image", "mount", image))
    assert file_sha256(mounted / "cargo") == large.cargo
    podman("image", "umount", image)
    podman("rmi", "--force", image)
    shutil.rmtree(server.root)
