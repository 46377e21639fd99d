"""Over a store whose listings lag behind what it has."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from moorage.drivers.base import DriverError, PathNotFound
from moorage.drivers.objectstore import driver as module
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from tests.contracts.streams import content
from tests.drivers.objectstore.stores import DATA, driver_over, uploaded
from tests.support.sparse_s3 import Limits, SparseS3
from tests.support.sparse_server import Server, sparse_s3

FOREVER = 10**6


class Lagging(SparseS3):
    """Lists nothing, the next `lag` times."""

    lag = 0

    def listed(self, prefix: str, delimiter: str, after: str, most: int) -> tuple[list[str], list[str], str]:
        self.lag -= 1
        return ([], [], "") if self.lag >= 0 else super().listed(prefix, delimiter, after, most)


@pytest.fixture
def store() -> Iterator[Server]:
    with sparse_s3() as started:
        started.bucket = Lagging(Limits())
        yield started


@pytest.fixture
async def driver(store: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ObjectStoreDriver]:
    monkeypatch.setattr(module, "LISTING_PAUSES", (0.0, 0.0, None))
    made = driver_over(store.service, "root")
    yield made
    await made.close()


def lag(store: Server, times: int) -> None:
    assert isinstance(store.bucket, Lagging)
    store.bucket.lag = times


async def test_what_is_not_listed_yet_is_asked_for_again(store: Server, driver: ObjectStoreDriver) -> None:
    pieces = [os.urandom(1000) for _ in range(3)]
    mark = await uploaded(driver, *pieces)
    lag(store, 2)
    await driver.move(DATA, "/blob", mark=mark)
    assert await content(driver, "/blob") == b"".join(pieces)


async def test_what_stays_unlisted_is_not_called_missing(store: Server, driver: ObjectStoreDriver) -> None:
    mark = await uploaded(driver, b"one", b"two")
    lag(store, FOREVER)
    with pytest.raises(DriverError, match="does not list yet") as raised:
        await driver.move(DATA, "/blob", mark=mark)
    assert not isinstance(raised.value, PathNotFound)
    lag(store, 0)
    await driver.move(DATA, "/blob", mark=mark)
    assert await content(driver, "/blob") == b"onetwo"


async def test_what_is_gone_is_missing_however_the_listing_lags(
    store: Server, driver: ObjectStoreDriver
) -> None:
    mark = await uploaded(driver, b"one", b"two")
    await driver.delete("/u")
    lag(store, FOREVER)
    with pytest.raises(PathNotFound):
        await driver.move(DATA, "/blob", mark=mark)
