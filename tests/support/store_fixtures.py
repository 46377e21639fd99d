"""Session fixtures of the object stores; each starts on first use, with one bucket that all tests share.

A test keeps to a root directory of its own in it. `proxying(store.endpoint)` gives it a proxy to count and to break.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import objectstores
from tests.support.objectstores import S3, Azure, Gcs


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
