"""Removing, over connections that break."""

from __future__ import annotations

import pytest

from moorage.drivers.base import DriverError, WriteRefused
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.removal import removed
from tests.drivers.objectstore.instead import Instead, instead
from tests.drivers.objectstore.stores import driver_over
from tests.support.heads import Head
from tests.support.objectstores import S3
from tests.support.storefaults import Fault, Faults
from tests.support.storeproxy import StoreProxy


class BrokenRemovals(Faults):
    """S3 removes objects by POST, and nothing here is large enough to need another one."""

    def draw(self, request: Head) -> Fault | None:
        return super().draw(request) if request.start[0] == "POST" else None


async def finished(driver: ObjectStoreDriver) -> None:
    """An upload becomes a blob."""
    writer = await driver.writer("/u/data", mark=await driver.begin("/u", b"", "/u/data"))
    await writer.write([b"small"])
    await writer.flush()
    await driver.move("/u/data", "/blob", mark=writer.mark)


async def test_a_removal_is_tried_again_when_its_connection_breaks(
    driver: ObjectStoreDriver, proxy: StoreProxy
) -> None:
    for number in range(30):
        await driver.write([(f"/a/{number}", b"x")])
    proxy.faults = BrokenRemovals(rate=0.15, kinds=[Fault.RESET], seed=1)
    for number in range(30):
        await driver.delete(f"/a/{number}")
    proxy.faults = Faults()
    assert proxy.injected
    assert not await driver.is_folder("/a")


async def test_an_upload_is_finished_although_what_is_left_of_it_stays(
    driver: ObjectStoreDriver, proxy: StoreProxy
) -> None:
    proxy.faults = BrokenRemovals(rate=1.0, kinds=[Fault.RESET])
    await finished(driver)
    proxy.faults = Faults()
    assert await driver.read("/blob") == b"small"
    assert await driver.is_folder("/u")


def refusing(code: str) -> Instead:
    """S3 answers 200 to a removal of many objects, and tells of each what became of it (S3, "DeleteObjects")."""
    error = f"<Error><Key>a</Key><Code>{code}</Code><Message>Access Denied.</Message></Error>"
    body = f'<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{error}</DeleteResult>'
    return Instead(200, body.encode(), "application/xml")


async def test_who_may_write_but_not_remove_is_told_so_and_not_asked_to_try_again(moto_store: S3) -> None:
    answer = refusing("AccessDenied")
    async with instead(answer) as endpoint:
        driver = driver_over(moto_store, endpoint=endpoint)
        with pytest.raises(WriteRefused, match=r"^/a: access is denied \(AccessDenied\)$"):
            await removed(driver._store, "/a", ["a"])
        await driver.close()
    assert len(answer.asked) == 1


async def test_a_removal_that_fails_for_another_reason_is_tried_again(moto_store: S3) -> None:
    answer = refusing("OperationAborted")
    async with instead(answer) as endpoint:
        driver = driver_over(moto_store, endpoint=endpoint)
        with pytest.raises(DriverError, match=r"OperationAborted$") as raised:
            await removed(driver._store, "/a", ["a"])
        await driver.close()
    assert not isinstance(raised.value, WriteRefused)
    assert len(answer.asked) == 3
