"""Which folders are synced: those that a write changes, and all that might not survive a power cut."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from moorage.drivers.disk import Disk
from moorage.drivers.filesystem import FilesystemDriver
from moorage.store.descriptors.removals import Removals
from tests.contracts.disk import Counting

LINK = "/tags/t/current/link"


class Logged(Disk):
    def __init__(self) -> None:
        self.synced: list[str] = []

    def sync_folder(self, path: str) -> None:
        self.synced.append(path)
        super().sync_folder(path)


class Late(Logged):
    """Once `armed`, another process removes all folders right before the link gets its name, and begins to write there."""

    def __init__(self, root: Path, removals: Removals, *, armed: bool = False) -> None:
        super().__init__()
        self.root = root
        self.removals = removals
        self.armed = armed

    def rename(self, source: str, target: str) -> None:  # type: ignore[override]
        if self.armed and target.endswith(LINK):
            self.armed = False
            shutil.rmtree(self.root / "tags")
            self.removals.tell()
            os.makedirs(self.root / "tags/t/current")
        os.rename(source, target)


async def test_a_folder_that_is_known_is_synced_alone(tmp_path: Path) -> None:
    disk = Logged()
    driver = FilesystemDriver(str(tmp_path), disk=disk, removals=Removals())
    await driver.write([(LINK, b"first")])
    assert {str(tmp_path / "tags/t"), str(tmp_path / "tags"), str(tmp_path)} <= set(disk.synced)
    disk.synced.clear()
    await driver.write([(LINK, b"second")])
    assert disk.synced == [str(tmp_path / "tags/t/current")]


async def test_a_write_makes_each_folder_once_and_looks_for_nothing_in_those_that_it_made(
    tmp_path: Path,
) -> None:
    disk = Counting()
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    await driver.write([("/known", b"")])
    disk.reset()
    await driver.write([("/tags/t/index/link", b"first")], [(LINK, b"first")])
    assert disk.calls["mkdir"] == 4
    assert disk.calls["read"] == 0
    assert disk.calls["stat"] == 1 + 2 + 1, "what an earlier stage wrote, at the end both, and a journal"
    assert [path for path in disk.opened if path.endswith("link")] == []
    await driver.close()


async def test_what_one_stage_of_a_write_made_durable_the_next_does_not_sync_again(tmp_path: Path) -> None:
    disk = Logged()
    driver = FilesystemDriver(str(tmp_path), disk=disk, removals=Removals())
    await driver.write([("/tags/t/index/link", b"first")], [(LINK, b"first")])
    second = disk.synced[disk.synced.index(str(tmp_path / "tags/t/current")) :]
    assert second == [str(tmp_path / "tags/t/current")]
    assert {str(tmp_path / "tags"), str(tmp_path)} <= set(disk.synced)


async def test_what_one_stage_made_durable_is_synced_again_if_it_was_removed_before_the_next(
    tmp_path: Path,
) -> None:
    removals = Removals()
    disk = Late(tmp_path, removals, armed=True)
    driver = FilesystemDriver(str(tmp_path), disk=disk, removals=removals)
    await driver.write([("/tags/t/index/link", b"first")], [(LINK, b"first")])
    second = disk.synced[disk.synced.index(str(tmp_path / "tags/t/current")) :]
    assert not disk.armed
    assert {str(tmp_path / "tags/t"), str(tmp_path / "tags"), str(tmp_path)} <= set(second)


Removal = Callable[[FilesystemDriver], Awaitable[object]]


@pytest.mark.parametrize(
    "remove",
    [
        lambda driver: driver.delete("/tags/t"),
        lambda driver: driver.delete_matching("/tags/t", LINK, b"first".__eq__),
    ],
    ids=["deleted", "matching"],
)
async def test_folders_that_another_worker_removed_are_synced_anew(tmp_path: Path, remove: Removal) -> None:
    disk, removals = Logged(), Removals()
    driver = FilesystemDriver(str(tmp_path), disk=disk, removals=removals)
    other = FilesystemDriver(str(tmp_path), removals=removals)
    await driver.write([(LINK, b"first")])
    await remove(other)
    # Somebody else begins to write there, and has not come to syncing yet.
    os.makedirs(tmp_path / "tags/t/current")
    disk.synced.clear()
    await driver.write([(LINK, b"second")])
    assert {str(tmp_path / "tags/t"), str(tmp_path / "tags")} <= set(disk.synced)


async def test_an_upload_that_ends_makes_nobody_forget(tmp_path: Path) -> None:
    disk, removals = Logged(), Removals()
    driver = FilesystemDriver(str(tmp_path), disk=disk, removals=removals)
    other = FilesystemDriver(str(tmp_path), removals=removals)
    await driver.write([(LINK, b"first")])
    await other.begin("/u/1/startedat", b"now", "/u/1/data")
    await other.move("/u/1/data", "/blobs/1", remove=["/u/1"])
    await other.begin("/u/2/startedat", b"now", "/u/2/data")
    await other.delete("/u/2", durable=False)
    disk.synced.clear()
    await driver.write([(LINK, b"second")])
    assert disk.synced == [str(tmp_path / "tags/t/current")]


async def test_folders_that_another_worker_removed_while_a_file_is_written_are_synced_anew(
    tmp_path: Path,
) -> None:
    """They were remembered when the write began."""
    removals = Removals()
    disk = Late(tmp_path, removals)
    driver = FilesystemDriver(str(tmp_path), disk=disk, removals=removals)
    await driver.write([(LINK, b"first")])
    disk.synced.clear()
    disk.armed = True
    await driver.write([(LINK, b"second")])
    assert {str(tmp_path / "tags/t"), str(tmp_path / "tags"), str(tmp_path)} <= set(disk.synced)


async def test_folders_that_vanish_while_they_are_synced_are_not_taken_for_durable(tmp_path: Path) -> None:
    class Vanishing(Logged):
        armed = True

        def sync_folder(self, path: str) -> None:
            if self.armed and path.endswith("current"):
                self.armed = False
                shutil.rmtree(tmp_path / "tags")
                self.synced.clear()
            super().sync_folder(path)

    disk = Vanishing()
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    await driver.write([(LINK, b"first")])
    assert await driver.read(LINK) == b"first"
    assert {str(tmp_path / "tags/t"), str(tmp_path / "tags")} <= set(disk.synced)


async def test_the_folder_of_a_file_that_is_there_already_is_synced(tmp_path: Path) -> None:
    """Whoever wrote it may not have come to that."""
    (tmp_path / "tags/t/current").mkdir(parents=True)
    (tmp_path / LINK.lstrip("/")).write_bytes(b"same")
    disk = Logged()
    await FilesystemDriver(str(tmp_path), disk=disk).write([(LINK, b"same")])
    assert str(tmp_path / "tags/t/current") in disk.synced
