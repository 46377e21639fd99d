"""Names with a slash in front, as version 2 of the reference implementation gave them to blobs of Azure."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.store import layout
from tests.drivers.objectstore.stores import driver_over
from tests.stores.container import Container
from tests.support.objectstores import Azure

LINK = f"{layout.ROOT}/repositories/a/_manifests/tags/v1/current/link"


@pytest.fixture
async def driver(azurite_store: Azure) -> AsyncIterator[ObjectStoreDriver]:
    made = driver_over(azurite_store)
    yield made
    await made.close()


async def test_a_tree_with_a_slash_in_front_is_not_taken_for_an_empty_registry(
    driver: ObjectStoreDriver, azurite_store: Azure
) -> None:
    container, name = Container(azurite_store), f"/{driver.key(LINK)}"
    container.put(name, b"sha256:" + b"0" * 64)
    try:
        with pytest.raises(DriverError, match="with a slash in front"):
            await driver.is_folder(layout.ROOT)
        assert not await driver.is_folder(f"{layout.ROOT}/repositories/b"), "only a start looks for it"
        await driver.write([(LINK, b"moved")])
        assert await driver.is_folder(layout.ROOT), "once it is moved, the old one does not matter"
    finally:
        container.remove(name)


async def test_an_empty_container_is_an_empty_registry(driver: ObjectStoreDriver) -> None:
    assert not await driver.is_folder(layout.ROOT)
