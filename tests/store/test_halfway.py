"""Over an object store the files of a stage are written in any order, and any of them may fail: what was left undone then is
done later, and nothing leads to what is not there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from moorage.drivers.base import PathNotFound, WriteRefused
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.names import Name
from moorage.store import layout
from moorage.store.garbage.collection import collect
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from tests.drivers.objectstore.stores import driver_over
from tests.store.images import Image, image
from tests.store.shelf import Shelf
from tests.support.heads import Head
from tests.support.objectstores import S3
from tests.support.storefaults import Faults, Refusal
from tests.support.storeproxy import StoreProxy

A = Name("a")
SUBJECT = image("subject")
REFERRERS = [image(f"{number}", subject=SUBJECT) for number in range(3)]


class Refusing(Faults):
    """Objects whose names end so are not written."""

    def __init__(self, ending: str) -> None:
        super().__init__()
        self._ending = ending

    def refused(self, request: Head) -> Refusal | None:
        method, target, _ = request.start
        if method == "PUT" and target.endswith(self._ending):
            return Refusal("403 Forbidden", "AccessDenied")
        return None


@pytest.fixture
async def driver(moto_store: S3, proxy: StoreProxy) -> AsyncIterator[ObjectStoreDriver]:
    made = driver_over(moto_store, endpoint=proxy.endpoint)
    yield made
    await made.close()


async def referrers(driver: ObjectStoreDriver) -> set[str]:
    """As a process that remembers nothing finds them."""
    found = Registry(Stock(driver)).repository(A).referrers.of(SUBJECT.digest)
    return {one.digest async for one in found}


async def test_referrers_of_which_one_could_not_be_kept_are_derived_again(
    driver: ObjectStoreDriver, proxy: StoreProxy
) -> None:
    shelf = Shelf(driver)
    for one in (SUBJECT, *REFERRERS):
        await shelf.push(A, one)
    # As another program leaves it.
    await driver.delete(layout.referrers(A))
    everything: set[str] = {one.digest for one in REFERRERS}
    proxy.faults = Refusing(layout.referrer_link(A, SUBJECT.digest, REFERRERS[0].digest))
    assert await referrers(driver) == everything
    with pytest.raises(PathNotFound):
        await driver.stat(layout.referrers_complete(A))
    proxy.faults = Faults()
    assert await referrers(driver) == everything
    assert (await driver.stat(layout.referrers_complete(A))).size == 0


@pytest.mark.parametrize("pushed", [SUBJECT, REFERRERS[0]], ids=["image", "referrer"])
async def test_no_name_is_given_to_a_manifest_whose_bytes_could_not_be_written(
    driver: ObjectStoreDriver, proxy: StoreProxy, pushed: Image
) -> None:
    shelf = Shelf(driver)
    for blob in pushed.blobs:
        await shelf.push_blob(A, blob)
    proxy.faults = Refusing(layout.blob_data(pushed.digest))
    with pytest.raises(WriteRefused):
        await shelf.push_manifest(A, pushed, "latest")
    assert not await driver.is_folder(layout.manifests(A))
    assert not await driver.is_folder(layout.referrers(A))
    proxy.faults = Faults()
    collection = await collect(shelf.registry, delete_untagged=True, notice_seconds=0)
    assert collection.counts.damaged == 0
    assert await shelf.blobs() == set()
