"""A folder that is deleted on a condition, while others write into it."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moorage.drivers.base import DriverError, PathNotFound
from moorage.drivers.filesystem import FilesystemDriver
from tests.contracts.disk import Inline, Watched, fast_folder
from tests.contracts.powercut import Recording, states
from tests.contracts.streams import append

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


# The first one is a moment that does not pass, however slow this test is.
@pytest.mark.parametrize("seconds", [-600, 60], ids=["now", "a minute ago"])
async def test_what_another_machine_took_away_goes_back_once_it_cannot_be_looking(
    tmp_path: Path, seconds: int
) -> None:
    await filled(tmp_path)
    folder = tmp_path / ".moorage/taken/elsewhere-1-ab-1"
    folder.mkdir(parents=True)
    (folder / ":u:current:link").write_bytes(b"newer")
    moment = time.time() - seconds
    os.utime(folder, (moment, moment))
    driver = FilesystemDriver(str(tmp_path))
    assert await driver.delete_matching("/t", LINK, b"one".__eq__)
    assert (tmp_path / "u/current/link").exists() == (seconds > 0)
    assert folder.exists() == (seconds < 0)
    await driver.close()


async def test_what_cannot_be_put_back_keeps_nobody_from_removing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await filled(tmp_path)
    folder = tmp_path / ".moorage/taken/strange"
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"?")
    os.utime(folder, (0, 0))
    driver = FilesystemDriver(str(tmp_path))
    assert await driver.delete_matching("/t", LINK, b"one".__eq__)
    assert [vars(record)["path"] for record in caplog.records] == [str(folder)]
    assert (folder / "file").exists()
    await driver.close()


async def test_what_goes_back_does_so_without_hard_links(tmp_path: Path) -> None:
    await filled(tmp_path)

    class Linkless(Meddling):
        def before(self, name: str, args: tuple[Any, ...]) -> None:
            if name == "link":
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            super().before(name, args)

    driver = FilesystemDriver(str(tmp_path), disk=Linkless("rename", LINK, replaced(tmp_path, b"two")))
    assert not await driver.delete_matching("/t", LINK, b"one".__eq__)
    assert await driver.read(LINK) == b"two"
    await driver.close()


async def test_what_goes_back_survives_a_power_cut(tmp_path: Path) -> None:
    class Racing(Recording):
        armed = False

        def before(self, name: str, args: tuple[Any, ...]) -> None:
            if self.armed and name == "rename" and str(args[0]).endswith(LINK):
                self.armed = False
                Inline(self.root, disk=self)._writing.write([[(LINK, b"two")]])
            super().before(name, args)

    root = tmp_path / "root"
    root.mkdir()
    disk = Racing(root, lambda: None)
    driver = Inline(str(root), disk=disk)
    await driver.write([(LINK, b"one")])
    disk.armed = True
    assert not await driver.delete_matching("/t", LINK, b"one".__eq__)
    for state in states(disk.tree, 1_000, random.Random(1)):
        found = dict(state).get(LINK)
        assert found is not None
        assert found.data == b"two"


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


class Killed(Meddling):
    """Kills its process when the file is taken away, or at the `at`-th call after that."""

    def __init__(self, at: int, path: str, meddle: Callable[[], None]) -> None:
        super().__init__("rename", path, meddle)
        self.left = at

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        super().before(name, args)
        if self.meddle is None:
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)
            self.left -= 1


def killed(root: Path, path: str, at: int, newer: bytes) -> bool:
    """Delete what is `one` in a process that is killed; false when it was through before. `newer` takes its place in time."""

    def replace() -> None:
        if newer:
            (root / "new").write_bytes(newer)
            os.replace(root / "new", f"{root}{path}")

    pid = os.fork()
    if not pid:
        try:
            driver = Inline(str(root), disk=Killed(at, path, replace))
            asyncio.run(driver.delete_matching(os.path.dirname(os.path.dirname(path)), path, b"one".__eq__))
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize(
    "path", [LINK, f"/{'long' * 40}/{'name' * 40}/t/current/link"], ids=["short", "long"]
)
@pytest.mark.parametrize("newer", [b"two", b""], ids=["replaced", "same"])
@pytest.mark.parametrize("restarted", [False, True], ids=["next", "restarted"])
def test_a_death_while_the_file_is_looked_at_loses_only_what_was_to_be_removed(
    path: str, newer: bytes, restarted: bool
) -> None:
    """A server that starts, and the next one that removes something, put back what others have left."""
    with fast_folder() as folder, asyncio.Runner() as runner:
        for at in itertools.count():
            root = folder / "root"
            driver = Inline(str(root))
            runner.run(driver.write([(path, b"one"), ("/other/link", b"other")]))
            if not killed(root, path, at, newer):
                break
            if restarted:
                driver.prepare()
            else:
                assert runner.run(driver.delete_matching("/other", "/other/link", b"other".__eq__))
            if newer:
                assert runner.run(driver.read(path)) == newer, f"killed at call {at}"
            else:
                assert Path(f"{root}{path}").exists() == (at == 0), f"killed at call {at}"
            assert list(root.glob(".moorage/taken/*")) == []
            shutil.rmtree(root)
    assert at > 3


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


async def test_a_link_that_was_removed_while_a_blob_is_synced_is_written_again(tmp_path: Path) -> None:
    disk = Meddling("fsync", "", (tmp_path / "link").unlink)
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    (tmp_path / "link").write_bytes(b"same")
    await append(driver, "/upload", b"content")
    await driver.move("/upload", "/blob", [("/link", b"same")])
    assert disk.meddle is None
    assert await driver.read("/link") == b"same"
    await driver.close()


async def test_a_file_of_an_earlier_stage_that_was_removed_is_written_again(tmp_path: Path) -> None:
    class Late(Watched):
        done = False

        def before(self, name: str, args: tuple[Any, ...]) -> None:
            if name == "rename" and str(args[1]).endswith("/tag") and not self.done:
                self.done = True
                (tmp_path / "manifest").unlink()

    disk = Late()
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    await driver.write([("/manifest", b"it")], [("/tag", b"leads to it")])
    assert disk.done
    assert await driver.read("/manifest") == b"it"
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
