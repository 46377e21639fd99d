"""Fixtures that every folder uses, and the --soak option."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import models
from tests.support.server import Server, moorage_server, running
from tests.support.spreading import TESTS, Spreading, in_turn, is_alone, load_in_turn

# How long an example takes says how busy the machine is.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
models.remember()

pytest_plugins = ["tests.support.fixtures", "tests.support.store_fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="also run the tests marked soak, which are long")


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workerinput") and config.args == config.getini("testpaths"):
        worker = int(config.workerinput["workerid"].removeprefix("gw"))
        load_in_turn(sorted(TESTS.rglob("test_*.py")), worker, config.workerinput["workercount"])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put files in turn for pytest-xdist. Without --soak the long tests are deselected, not skipped: a skip has to mean that something is
    missing."""
    if hasattr(config, "workerinput"):
        turn = in_turn(item.path for item in items)
        items.sort(key=lambda item: turn[item.path])
    if config.getoption("--soak"):
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was loaded stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    if is_alone(item.path):
        item.add_marker("alone")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For `--dist loadfile`; None leaves others to pytest-xdist."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return Spreading(config, log)


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
