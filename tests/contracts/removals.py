"""What drivers promise of removals."""

from __future__ import annotations

import asyncio

import pytest

from moorage.drivers.base import Driver, PathNotFound


async def a_file_is_removed_alone(driver: Driver) -> None:
    await driver.write([("/a/b", b"1"), ("/a/bb", b"2"), ("/a/c", b"3")])
    await driver.delete("/a/b")
    with pytest.raises(PathNotFound):
        await driver.stat("/a/b")
    assert await driver.children("/a") == ["bb", "c"]


async def a_folder_is_removed_with_all_in_it(driver: Driver) -> None:
    await driver.write([("/a/b/c", b"1"), ("/a/b/d/e", b"2"), ("/a/bb/c", b"3")])
    await driver.delete("/a/b", durable=False)
    for path in ("/a/b", "/a/b/c", "/a/b/d/e"):
        with pytest.raises(PathNotFound):
            await driver.stat(path)
    assert await driver.children("/a") == ["bb"]


async def a_folder_is_deleted_if_its_file_matches(driver: Driver) -> None:
    await driver.write([("/t/current/link", b"one"), ("/t/index/link", b"one"), ("/u/link", b"one")])
    assert not await driver.delete_matching("/t", "/t/current/link", b"two".__eq__)
    assert await driver.read("/t/index/link") == b"one"
    assert await driver.delete_matching("/t", "/t/current/link", b"one".__eq__)
    assert not await driver.is_folder("/t")
    assert await driver.read("/u/link") == b"one"
    with pytest.raises(PathNotFound):
        await driver.delete_matching("/t", "/t/current/link", b"one".__eq__)


async def what_was_removed_can_be_written_again(driver: Driver) -> None:
    for number in range(3):
        await driver.write([("/a/b/c", b"%d" % number)])
        await driver.delete("/a")
        await driver.write([("/a/b/c", b"again")])
        assert await driver.read("/a/b/c") == b"again"


async def removals_at_once_remove_once(driver: Driver) -> None:
    await driver.write([(f"/a/{number}", b"x") for number in range(50)])
    found = await asyncio.gather(*(driver.delete("/a") for _ in range(6)), return_exceptions=True)
    assert all(one is None or isinstance(one, PathNotFound) for one in found), found
    assert None in found
    assert not await driver.is_folder("/a")
