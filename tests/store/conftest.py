"""Fixtures of the store's tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.drivers.filesystem import FilesystemDriver
from tests.contracts.disk import Counting, fast_folder
from tests.store.filled import filled
from tests.store.shelf import Shelf


@pytest.fixture(scope="session")
def filled_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a registry with something of everything (`tests.store.filled`): copy it."""
    folder = tmp_path_factory.mktemp("filled")
    asyncio.run(filled(Shelf(FilesystemDriver(str(folder)))))
    return folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where possible."""
    with fast_folder() as path:
        yield path


@pytest.fixture
def disk() -> Counting:
    """For a driver that is to be counted."""
    return Counting()
