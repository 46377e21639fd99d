"""Removing, over connections that break."""

from __future__ import annotations

from moorage.drivers.objectstore.driver import ObjectStoreDriver
from tests.support.heads import Head
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
