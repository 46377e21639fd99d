"""A folder that is deleted on a condition, while others write into it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moorage.drivers.base import DriverError, PathNotFound
from moorage.drivers.filesystem import FilesystemDriver
from tests.contracts.disk import Watched

LINK = "/t/current/link"
INDEX = "/t/index/link"


class Meddling(Watched):
    """Runs `meddle` just before the first call of that name whose first argument ends with `path`."""

    def __init__(self, name: str, path: str, meddle: Callable[[], None]) -> None:
        super().__init__()
        self.name, self.path = name, path
        self.meddle: Callable[[], None] | None = meddle

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        if self.meddle and name == self.name and str(args[0]).endswith(self.path):
            meddle, self.meddle = self.meddle, None
            meddle()


def replaced(root: Path, content: bytes) -> Callable[[], None]:
    def replace() -> None:
        new = root / "new"
        new.write_bytes(content)
        (root / "t/current").mkdir(exist_ok=True)
        os.replace(new, root / "t/current/link")

    return replace


async def filled(root: Path) -> None:
    driver = FilesystemDriver(str(root))
    await driver.write([(LINK, b"one"), (INDEX, b"one")])
    await driver.close()


async def test_what_replaces_the_file_before_it_is_removed_stays(tmp_path: Path) -> None:
    await filled(tmp_path)
    driver = FilesystemDriver(str(tmp_path), disk=Meddling("rename", LINK, replaced(tmp_path, b"two")))
    assert not await driver.delete_matching("/t", LINK, b"one".__eq__)
    assert await driver.read(LINK) == b"two"
    assert await driver.read(INDEX) == b"one"
    assert list((tmp_path / ".moorage/tmp").iterdir()) == []
    await driver.close()


async def test_what_takes_the_place_of_a_file_that_goes_back_stays(tmp_path: Path) -> None:
    """The one that goes back was replaced once more meanwhile."""
    await filled(tmp_path)

    def twice() -> None:
        replaced(tmp_path, b"two")()
        disk.name, disk.path, disk.meddle = "link", "", replaced(tmp_path, b"three")

    disk = Meddling("rename", LINK, twice)
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    assert not await driver.delete_matching("/t", LINK, b"one".__eq__)
    assert disk.meddle is None
    assert await driver.read(LINK) == b"three"
    assert list((tmp_path / ".moorage/tmp").iterdir()) == []
    await driver.close()


@pytest.mark.parametrize("call", [("listdir", "/t"), ("rmdir", "/t/current"), ("rmdir", "/t")])
async def test_what_is_written_after_the_removal_stays(tmp_path: Path, call: tuple[str, str]) -> None:
    await filled(tmp_path)
    driver = FilesystemDriver(str(tmp_path), disk=Meddling(*call, replaced(tmp_path, b"two")))
    assert await driver.delete_matching("/t", LINK, b"one".__eq__)
    assert await driver.read(LINK) == b"two"
    with pytest.raises(PathNotFound):
        await driver.read(INDEX)
    await driver.close()


async def test_a_file_that_was_removed_while_others_are_synced_is_written_again(tmp_path: Path) -> None:
    """It was there when the write began, so it was not written."""
    driver = FilesystemDriver(str(tmp_path))
    await driver.write([("/same", b"same")])
    await driver.close()
    disk = Watched()
    done = False

    def before(name: str, args: tuple[Any, ...]) -> None:
        nonlocal done
        if name == "fsync" and not done:
            done = True
            (tmp_path / "same").unlink()

    disk.before = before  # type: ignore[method-assign]
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    await driver.write([("/same", b"same"), ("/new", b"new")])
    assert done
    assert await driver.read("/same") == b"same"
    await driver.close()


async def test_a_file_that_cannot_be_read_is_replaced(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path))
    await driver.write([("/a", b"old")])
    await driver.close()

    class Bad(Watched):
        def before(self, name: str, args: tuple[Any, ...]) -> None:
            if name == "open" and str(args[0]).endswith("/a"):
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    bad = FilesystemDriver(str(tmp_path), disk=Bad())
    with pytest.raises(DriverError):
        await bad.read("/a")
    await bad.write([("/a", b"new")])
    await bad.close()
    assert (tmp_path / "a").read_bytes() == b"new"


async def test_an_upload_that_cannot_be_synced_is_lost(tmp_path: Path) -> None:
    """The kernel drops what it could not write, so a second sync would succeed without it."""

    class Bad(Watched):
        broken = True

        def before(self, name: str, args: tuple[Any, ...]) -> None:
            if name == "fsync" and self.broken:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    disk = Bad()
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    writer = await driver.writer("/upload")
    await writer.write([b"content"])
    await writer.close()
    with pytest.raises(DriverError):
        await driver.move("/upload", "/blob")
    disk.broken = False
    with pytest.raises(PathNotFound):
        await driver.move("/upload", "/blob")
    await driver.close()
