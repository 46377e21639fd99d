"""Fixtures of the object stores; each starts once, on first use, with one bucket that all tests share.

A test keeps to a root directory of its own in it. `proxy` is one in front of moto, and `proxying(store.endpoint)` of any.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import objectstores
from tests.support.objectstores import S3, Azure, Gcs
from tests.support.storeproxy import StoreProxy, proxying


@pytest.fixture(scope="session")
def moto_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with objectstores.moto(tmp_path_factory.mktemp("moto")) as store:
        yield store


@pytest.fixture(scope="session")
def rclone_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with objectstores.rclone(tmp_path_factory.mktemp("rclone")) as store:
        yield store


@pytest.fixture(scope="session")
def azurite_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    with objectstores.azurite(tmp_path_factory.mktemp("azurite")) as store:
        yield store


@pytest.fixture(scope="session")
def gcs_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcs]:
    with objectstores.gcs(tmp_path_factory.mktemp("gcs")) as store:
        yield store


@pytest.fixture(scope="session")
def fake_gcs_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcs]:
    with objectstores.fake_gcs(tmp_path_factory.mktemp("fake-gcs")) as store:
        yield store


@pytest.fixture
def proxy(moto_store: S3) -> Iterator[StoreProxy]:
    """Between a test and its store, to count and to break."""
    with proxying(moto_store.endpoint) as started:
        yield started
