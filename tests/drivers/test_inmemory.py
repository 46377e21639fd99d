"""The inmemory driver keeps every promise of a driver."""

from __future__ import annotations

import pytest

from moorage.drivers.inmemory import InMemoryDriver
from tests.contracts.driver import PROMISES, Promise


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_inmemory(promise: Promise) -> None:
    driver = InMemoryDriver()
    await promise(driver)
    await driver.close()
