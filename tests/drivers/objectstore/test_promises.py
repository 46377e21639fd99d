"""The driver keeps every promise of a driver over each store."""

from __future__ import annotations

import pytest

from tests.contracts.driver import OF_ANY, Promise
from tests.drivers.objectstore.stores import Service, driver_over

STORES = ("moto_store", "rclone_store", "azurite_store", "gcs_store", "fake_gcs_store")


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("promise", OF_ANY, ids=lambda promise: promise.__name__)
async def test_object_store(promise: Promise, store: str, request: pytest.FixtureRequest) -> None:
    service: Service = request.getfixturevalue(store)
    driver = driver_over(service)
    await promise(driver)
    await driver.close()
