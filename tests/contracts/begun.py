"""What a driver promises of the files of uploads, where files grow in place: each path has one of them, ever."""

from __future__ import annotations

import pytest

from moorage.drivers.base import Driver, PathNotFound


async def what_began_is_there_and_empty(driver: Driver) -> None:
    await driver.begin("/u/startedat", b"now", "/u/data")
    assert (await driver.written("/u/data")).size == 0
    await _append(driver, "/u/data", b"bytes")
    assert await driver.read("/u/data") == b"bytes"


async def what_began_is_not_made_a_second_time(driver: Driver) -> None:
    await driver.begin("/u/startedat", b"now", "/u/data")
    await _append(driver, "/u/data", b"bytes")
    await driver.delete("/u")
    with pytest.raises(PathNotFound):
        await driver.writer("/u/data", begun=True)
    await driver.begin("/v/startedat", b"now", "/v/data")
    await driver.move("/v/data", "/blob")
    with pytest.raises(PathNotFound):
        await driver.writer("/v/data", begun=True)
    assert await driver.children("/v") == ["startedat"]


async def who_writes_to_a_file_that_is_removed_is_told(driver: Driver) -> None:
    """Once all is written. Without that its bytes would be said to be kept."""
    await driver.begin("/u/startedat", b"now", "/u/data")
    writer = await driver.writer("/u/data", begun=True)
    await writer.write([b"before"])
    await writer.flush()
    await driver.delete("/u")
    await writer.write([b"after"])
    with pytest.raises(PathNotFound, match="/u/data"):
        await writer.flush()
    await writer.close()


async def who_writes_to_a_file_that_is_moved_is_not(driver: Driver) -> None:
    await driver.begin("/u/startedat", b"now", "/u/data")
    writer = await driver.writer("/u/data", begun=True)
    await driver.move("/u/data", "/blob", remove=["/u"])
    await writer.flush()
    await writer.close()


async def _append(driver: Driver, path: str, data: bytes) -> None:
    writer = await driver.writer(path, begun=True)
    await writer.write([data])
    await writer.close()
