"""Session fixtures of the container clients; each starts on first use and is removed at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import engines
from tests.support.command import Client
from tests.support.userland import build_userland


@pytest.fixture(scope="session")
def engine_folder() -> Iterator[Path]:
    """A short path outside pytest's own folders: sockets need a short one, and images are not worth keeping."""
    folder = Path(tempfile.mkdtemp(prefix="moorage-", dir=engines.fast_folder()))
    yield folder
    engines.remove(folder)


@pytest.fixture(scope="session")
def docker(engine_folder: Path) -> Iterator[Client]:
    with engines.docker(engine_folder / "docker") as client:
        yield client


@pytest.fixture(scope="session")
def podman(engine_folder: Path) -> Client:
    return engines.podman(engine_folder / "podman")


@pytest.fixture(scope="session")
def buildah(engine_folder: Path) -> Client:
    return engines.buildah(engine_folder / "buildah")


@pytest.fixture(scope="session")
def skopeo(engine_folder: Path) -> Client:
    return engines.skopeo(engine_folder / "skopeo")


@pytest.fixture(scope="session")
def userland(engine_folder: Path) -> Path:
    """The archive of a real Debian userland; its folder is a build context with a Containerfile."""
    return build_userland(engine_folder / "userland")
