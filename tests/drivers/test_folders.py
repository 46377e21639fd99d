"""Which folders are synced: those that a write changes, and all that might not survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path

from moorage.drivers.disk import Disk
from moorage.drivers.filesystem import FilesystemDriver
from moorage.store.descriptors.removals import Removals

LINK = "/tags/t/current/link"


class Logged(Disk):
    def __init__(self) -> None:
        self.synced: list[str] = []

    def sync_folder(self, path: str) -> None:
        self.synced.append(path)
        super().sync_folder(path)


async def test_a_folder_that_is_known_is_synced_alone(tmp_path: Path) -> None:
    disk = Logged()
    driver = FilesystemDriver(str(tmp_path), disk=disk, removals=Removals())
    await driver.write([(LINK, b"first")])
    assert {str(tmp_path / "tags/t"), str(tmp_path / "tags"), str(tmp_path)} <= set(disk.synced)
    disk.synced.clear()
    await driver.write([(LINK, b"second")])
    assert disk.synced == [str(tmp_path / "tags/t/current")]


async def test_folders_that_another_worker_removed_are_synced_anew(tmp_path: Path) -> None:
    disk, removals = Logged(), Removals()
    driver = FilesystemDriver(str(tmp_path), disk=disk, removals=removals)
    other = FilesystemDriver(str(tmp_path), removals=removals)
    await driver.write([(LINK, b"first")])
    await other.delete("/tags/t")
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
    await other.move("/u/1/data", "/blobs/1", remove="/u/1")
    await other.begin("/u/2/startedat", b"now", "/u/2/data")
    await other.delete("/u/2", durable=False)
    disk.synced.clear()
    await driver.write([(LINK, b"second")])
    assert disk.synced == [str(tmp_path / "tags/t/current")]
