"""Docker, Podman, Buildah and Skopeo, each with images of its own that no registry has yet."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.clients.adapters import Adapter, Buildah, Docker, Podman
from tests.faults.images import Image, digest_of, make_image
from tests.support.command import Client

Push = Callable[[], str]
"""Pushes one image that was made before; the digest of its manifest, as the client tells it."""

Maker = Callable[[str], Push]
"""Makes an image under a name as in `127.0.0.1:5000/name:tag`, with a layer that cannot be compressed."""


@dataclass(frozen=True)
class RealClients:
    """What they need is below `folder`, and goes with it."""

    docker: Client
    podman: Client
    buildah: Client
    skopeo: Client
    folder: Path

    def makers(self, layer_bytes: int) -> dict[str, Maker]:
        """By the name of the client."""
        return {
            "docker": lambda name: self._built(name, layer_bytes, lambda _: Docker(self.docker)),
            "podman": lambda name: self._built(name, layer_bytes, lambda one: Podman(self.podman, one)),
            "buildah": lambda name: self._built(name, layer_bytes, lambda one: Buildah(self.buildah, one)),
            "skopeo": lambda name: self._copied(name, layer_bytes),
        }

    def _built(self, name: str, layer_bytes: int, adapter_in: Callable[[Path], Adapter]) -> Push:
        folder = self._folder(name)
        adapter = adapter_in(folder)
        adapter.build(_context(folder, layer_bytes), name)
        return lambda: adapter.push(name)

    def _copied(self, name: str, layer_bytes: int) -> Push:
        """It tries again only if it is told to."""
        image = make_image(random.Random(name), layer_bytes=layer_bytes)
        folder = as_folder(self._folder(name) / "image", image)
        options = ("--quiet", "--dest-tls-verify=false", "--preserve-digests", "--retry-times=3")

        def push() -> str:
            self.skopeo("copy", *options, f"dir:{folder}", f"docker://{name}")
            return image.digest

        return push

    def _folder(self, name: str) -> Path:
        folder = self.folder / name.replace("/", "-")
        folder.mkdir(parents=True)
        return folder


def as_folder(folder: Path, image: Image) -> Path:
    """As Skopeo's `dir:` has it."""
    folder.mkdir(parents=True)
    (folder / "version").write_text("Directory Transport Version: 1.1\n")
    (folder / "manifest.json").write_bytes(image.manifest)
    for blob in image.blobs:
        (folder / digest_of(blob).partition(":")[2]).write_bytes(blob)
    return folder


def _context(folder: Path, layer_bytes: int) -> Path:
    """The folder, with what an image is built from: a layer of that size, and a small one."""
    source = random.Random(folder.name)
    lines = ["FROM scratch"]
    for name, size in (("large", layer_bytes), ("small", 3000)):
        with tarfile.open(folder / f"{name}.tar", "w") as files:
            entry = tarfile.TarInfo(name)
            entry.size = size
            files.addfile(entry, io.BytesIO(source.randbytes(size)))
        lines.append(f"ADD {name}.tar /")
    (folder / "Containerfile").write_text("\n".join(lines) + "\n")
    return folder
