"""Fixtures that every folder uses, and the --soak option."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Server, moorage_server, running

pytest_plugins = ["tests.support.fixtures", "tests.support.store_fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="also run the tests marked soak, which are long")


ALONE = (
    "clients",
    "compat/test_pushed_by_clients.py",
    "docs/test_authentication.py",
    "faults/test_bad_connections.py",
    "faults/test_drain.py",
    "faults/test_load.py",
    "faults/test_memory.py",
    "faults/test_overload.py",
    "recipes",
    "stores/test_replicas_behind_nginx.py",
)
"""Tests that want the machine for themselves: for what they load it with, for what they measure, or for the engines that they share."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without --soak the long tests are deselected, not skipped: a skip has to mean that something lacks."""
    if config.getoption("--soak"):
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    if str(item.path.relative_to(Path(__file__).parent)).startswith(ALONE):
        item.add_marker("alone")


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running Moorage of the test's own, on an empty folder."""
    with running(moorage_server(tmp_path_factory.mktemp("moorage"))) as started:
        yield started


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One running Moorage for all tests that can share it: use repository names of your own."""
    with running(moorage_server(tmp_path_factory.mktemp("moorage-shared"))) as started:
        yield started
