"""The application on each driver, with deleting enabled."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.api.client import Client, application, serving
from tests.contracts.disk import fast_folder
from tests.support.server import Server, moorage_server, running

FILESYSTEM = "  filesystem:\n    rootdirectory: {root}\n  delete:\n    enabled: true\n"
DRIVERS = ("inmemory", "filesystem")


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    """The application configures the log of its process, which is the test's."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory where possible: these tests are about answers, and a disk's syncs take most of their time."""
    with fast_folder() as folder:
        yield folder


@pytest.fixture(params=DRIVERS)
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Client]:
    """On every driver in turn."""
    storage = FILESYSTEM.format(root=tmp_path / "root") if request.param == "filesystem" else ""
    async with serving(application(tmp_path, storage)) as started:
        yield started


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[Client]:
    """On the filesystem driver, whose root is `tmp_path / "root"`."""
    async with serving(application(tmp_path, FILESYSTEM.format(root=tmp_path / "root"))) as started:
        yield started


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Client]:
    """On the inmemory driver, for what does not depend on the storage."""
    async with serving(application(tmp_path)) as started:
        yield started


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real one, for what only sockets show."""
    folder: Path = tmp_path_factory.mktemp("server")
    with running(moorage_server(folder, extra="  workers: 1\n")) as started:
        yield started
