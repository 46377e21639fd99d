"""The last content that was acknowledged is there after a power cut or a kill, whatever clocks and other servers say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from moorage.drivers.disk import Disk
from moorage.drivers.filesystem import FilesystemDriver
from tests.contracts.disk import Inline
from tests.drivers.journal.cut import everybody_is_gone, started
from tests.support.disks import small_disk

LINK = "/tags/latest/current/link"
REVISION = "/revisions/link"
YEAR_NS = 365 * 86_400 * 10**9


@pytest.mark.parametrize("pushes", [1, 2])
async def test_a_file_from_the_future_is_older_than_what_replaced_it(tmp_path: Path, pushes: int) -> None:
    """It was pushed before the clock was set back, or restored with such a time."""
    root, link = tmp_path / "root", tmp_path / "root" / LINK[1:]
    driver = Inline(str(root), journaled=True)
    await driver.write([(LINK, b"old")])
    driver._journal.settle()
    ahead = link.stat().st_mtime_ns + YEAR_NS
    os.utime(link, ns=(ahead, ahead))
    shutil.copy2(link, tmp_path / "platter")
    for number in range(pushes):
        await driver.write([(LINK, b"new %d" % number)])
    everybody_is_gone(root)
    shutil.copy2(tmp_path / "platter", link)
    after = await started(root)
    assert await after.read(LINK) == b"new %d" % (pushes - 1)
    await after.close()
    await driver.close()


async def test_a_server_without_a_journal_is_heard_beside_one_that_has_one(tmp_path: Path) -> None:
    with_journal = Inline(str(tmp_path), journaled=True)
    without = FilesystemDriver(str(tmp_path))
    await with_journal.write([(LINK, b"first")])
    await without.write([(LINK, b"second")])
    await with_journal.write([("/other", b"later")])
    everybody_is_gone(tmp_path)
    after = await started(tmp_path)
    assert await after.read(LINK) == b"second"
    assert await after.read("/other") == b"later"
    for driver in (after, without, with_journal):
        await driver.close()


class Removing(Disk):
    """Removes the tag when it has got its name, and the manifest that it leads to when the tag is there again."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.seen = 0

    def rename(self, source: str, target: str) -> None:  # type: ignore[override]
        os.rename(source, target)
        if target == self.root + LINK:
            self.seen += 1
            if self.seen <= 2:
                os.unlink(self.root + (LINK, REVISION)[self.seen - 1])


@pytest.mark.parametrize("journaled", [True, False])
async def test_who_pushes_what_another_one_deletes_leaves_no_tag_that_leads_nowhere(
    tmp_path: Path, journaled: bool
) -> None:
    driver = Inline(str(tmp_path), disk=Removing(tmp_path), journaled=journaled)
    await driver.write([(REVISION, b"digest")], [(LINK, b"digest")])
    assert await driver.read(REVISION) == await driver.read(LINK) == b"digest"
    await driver.close()


class Watching(Disk):
    """Remembers which file systems were synced."""

    def __init__(self) -> None:
        self.synced: list[int] = []

    def syncfs(self, fd: int) -> None:
        self.synced.append(os.fstat(fd).st_dev)
        super().syncfs(fd)


async def test_a_disk_that_is_put_in_place_of_the_first_one_is_synced(tmp_path: Path) -> None:
    """The server was started before it was mounted."""
    disk = Watching()
    (tmp_path / "first").mkdir()
    (tmp_path / "root").symlink_to("first")
    driver = Inline(str(tmp_path / "root"), disk=disk, journaled=True)
    await driver.write([(LINK, b"one")])
    driver._journal.settle()
    with small_disk(tmp_path / "second", "2m") as second:
        (tmp_path / "root").unlink()
        (tmp_path / "root").symlink_to("second")
        await driver.write([(LINK, b"two")])
        driver._journal.settle()
        assert disk.synced[-1] == second.stat().st_dev
        await driver.close()
