"""A driver behind a proxy that counts and breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from moorage.drivers.objectstore.driver import ObjectStoreDriver
from tests.drivers.objectstore.stores import driver_over
from tests.support.objectstores import S3
from tests.support.storeproxy import StoreProxy


@pytest.fixture
async def driver(moto_store: S3, proxy: StoreProxy) -> AsyncIterator[ObjectStoreDriver]:
    made = driver_over(moto_store, endpoint=proxy.endpoint)
    yield made
    await made.close()
