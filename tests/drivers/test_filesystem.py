"""The filesystem driver keeps every promise of a driver, and those that only files on a disk can keep."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moorage.drivers.base import (
    DriverError,
    InvalidPath,
    Obstructed,
    PathBusy,
    PathNotFound,
    StorageFull,
    WriteRefused,
)
from moorage.drivers.disk import Disk
from moorage.drivers.files import translate, translate_change
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.obstacles import BelowAFile
from moorage.drivers.staging import OWNER, TEMPORARY
from tests.contracts.driver import PROMISES, Promise
from tests.contracts.streams import whole


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[FilesystemDriver]:
    made = FilesystemDriver(str(tmp_path / "root"))
    yield made
    await made.close()


def leftovers(driver: FilesystemDriver) -> list[str]:
    folder = Path(driver.root, TEMPORARY)
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []


@pytest.mark.parametrize(
    "options",
    [{"journaled": True}, {"journaled": False}, {"inline_reads": False}],
    ids=["journaled", "inline", "threaded"],
)
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_filesystem(promise: Promise, options: dict[str, bool], tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path / "root"), **options)  # type: ignore[arg-type]
    await promise(driver)
    assert leftovers(driver) == []
    await driver.close()


async def test_a_file_that_lost_bytes_is_not_there(driver: FilesystemDriver) -> None:
    """A move records the size; a file of another size is damaged, whoever damaged it."""
    await driver.write([("/from", b"x" * 5_000)])
    await driver.move("/from", "/blob")
    for size in (4_999, 0, 5_001):
        os.truncate(driver.root + "/blob", size)
        with pytest.raises(PathNotFound, match="damaged"):
            await driver.open("/blob")
        with pytest.raises(PathNotFound, match="damaged"):
            await driver.stat("/blob")
    os.truncate(driver.root + "/blob", 5_000)
    assert (await driver.stat("/blob")).size == 5_000


async def test_a_file_without_a_recorded_size_is_served(driver: FilesystemDriver) -> None:
    """Another program wrote it, or the file system has no extended attributes."""
    Path(driver.root).mkdir()
    Path(driver.root, "blob").write_bytes(b"theirs")
    assert (await driver.stat("/blob")).size == 6


async def test_a_file_that_ends_early_breaks_the_stream(driver: FilesystemDriver) -> None:
    """Never a short answer that looks whole."""
    await driver.write([("/a", b"x" * 200_000)])
    reader = await driver.open("/a")
    os.truncate(driver.root + "/a", 100_000)
    with pytest.raises(DriverError, match="ends at 100000 of 200000"):
        await whole(reader)
    reader.close()


async def test_links_on_the_disk_lead_nowhere(driver: FilesystemDriver, tmp_path: Path) -> None:
    """A symbolic link must not lead out of the root."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    Path(driver.root).mkdir()
    Path(driver.root, "link").symlink_to(outside / "secret")
    for action in (driver.read, driver.stat, driver.open, driver.writer):
        with pytest.raises(Obstructed, match="/link: is a symbolic link"):
            await action("/link")
    await driver.write([("/link", b"ours")])
    assert (outside / "secret").read_bytes() == b"secret"
    assert await driver.read("/link") == b"ours"


async def test_removing_a_folder_does_not_follow_links(driver: FilesystemDriver, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"kept")
    await driver.write([("/a/b", b"x")])
    Path(driver.root, "a", "link").symlink_to(outside)
    await driver.delete("/a")
    assert (outside / "kept").read_bytes() == b"kept"


async def test_no_other_user_may_enter_the_folder_of_an_upload(driver: FilesystemDriver) -> None:
    """Whoever can open the file can lock it, and the upload would not go on."""
    before = os.umask(0o022)
    try:
        for session in ("/uploads/first", "/uploads/second"):
            await driver.begin(f"{session}/startedat", b"now", f"{session}/data")
            assert os.stat(driver.root + session).st_mode & 0o777 == 0o750
        await driver.move("/uploads/first/data", "/blobs/data", remove=["/uploads/first"])
    finally:
        os.umask(before)
    for served, mode in (("/uploads", 0o755), ("/blobs", 0o755), ("/blobs/data", 0o644)):
        assert os.stat(driver.root + served).st_mode & 0o777 == mode


async def test_preparing_removes_the_temporaries_of_the_dead(driver: FilesystemDriver) -> None:
    """Not those of other machines on the same storage, unless they are older than any writing takes."""
    folder = Path(driver.root, TEMPORARY)
    folder.mkdir(parents=True)
    dead, living = f"{OWNER}-{2**22 + 7}-aa", f"{OWNER}-{os.getpid()}-bb"
    foreign, old, strange = "another-1-cc", "another-2-dd", "strange"
    for name in (dead, living, foreign, old, strange):
        (folder / name).write_bytes(b"half")
    os.utime(folder / old, (0, 0))
    assert driver.prepare() == 2
    assert sorted(leftovers(driver)) == sorted([living, foreign, strange])


async def test_preparing_tells_a_root_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    driver = FilesystemDriver(str(tmp_path / "file"))
    with pytest.raises(DriverError, match="file"):
        driver.prepare()
    await driver.close()


async def test_a_full_disk_does_not_keep_a_registry_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It can still be pulled from, and what is too much be deleted."""

    class Full(Disk):
        def write(self, *_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    driver = FilesystemDriver(str(tmp_path), disk=Full())
    assert driver.prepare() == 0
    assert "storage is full" in caplog.text
    await driver.close()


async def test_preparing_read_only_changes_nothing(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path))
    assert driver.prepare(read_only=True) == 0
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DriverError):
        FilesystemDriver(str(tmp_path / "missing")).prepare(read_only=True)
    await driver.close()


async def test_a_removed_root_is_made_again(driver: FilesystemDriver) -> None:
    """Someone cleared the folder under a running registry."""
    await driver.write([("/a/b/c", b"1")])
    await driver.delete("/a")
    Path(driver.root, TEMPORARY).rmdir()
    Path(driver.root, ".moorage").rmdir()
    Path(driver.root).rmdir()
    await driver.write([("/a/b/c", b"2")])
    assert await driver.read("/a/b/c") == b"2"


async def test_two_drivers_share_one_root(driver: FilesystemDriver) -> None:
    """Workers are processes: each has its own idea of what folders there are."""
    other = FilesystemDriver(driver.root)
    for number in range(5):
        await driver.write([("/a/b/c/link", b"%d" % number)])
        await other.delete("/a/b")
        await driver.write([("/a/b/c/link", b"again")])
        assert await other.read("/a/b/c/link") == b"again"
    first = await driver.writer("/u/data")
    with pytest.raises(DriverError):
        await other.writer("/u/data")
    await first.close()
    await other.close()


async def test_drivers_that_make_and_remove_one_folder_do_not_fail(driver: FilesystemDriver) -> None:
    others = [FilesystemDriver(driver.root) for _ in range(3)]

    async def work(one: FilesystemDriver) -> None:
        for number in range(40):
            await one.write([("/t/tag/current/link", b"x"), (f"/t/tag/index/{number}/link", b"y")])
            try:
                await one.delete("/t/tag")
            except PathNotFound:
                continue

    await asyncio.gather(*(work(one) for one in (driver, *others)))
    for one in others:
        await one.close()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, PathNotFound),
        (errno.ENOTDIR, BelowAFile),
        (errno.EISDIR, Obstructed),
        (errno.ELOOP, Obstructed),
        (errno.ENXIO, Obstructed),
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EFBIG, StorageFull),
        (errno.ENAMETOOLONG, InvalidPath),
        (errno.EIO, DriverError),
        (errno.EROFS, DriverError),
        (errno.EMFILE, DriverError),
        (errno.ESTALE, DriverError),
    ],
)
def test_the_words_of_the_kernel_are_translated(number: int, kind: type[DriverError]) -> None:
    found = translate(OSError(number, os.strerror(number)), "/some/path")
    assert type(found) is kind
    assert found.path == "/some/path"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_what_may_not_be_changed_is_refused_and_what_may_not_be_read_is_not(number: int) -> None:
    error = OSError(number, os.strerror(number))
    assert type(translate_change(error, "/some/path")) is WriteRefused
    assert type(translate(error, "/some/path")) is DriverError
    assert str(translate_change(error, "/some/path")) == f"/some/path: {os.strerror(number)}"


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOSPC, errno.EIO, errno.ENAMETOOLONG])
def test_of_a_change_all_else_is_translated_as_ever(number: int) -> None:
    error = OSError(number, os.strerror(number))
    assert type(translate_change(error, "/some/path")) is type(translate(error, "/some/path"))


class Forbidding(Disk):
    """Lets nobody remove a file, as a folder without the permission to write does; of folders it says what POSIX allows."""

    def unlink(self, *_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "not permitted")


async def test_a_file_that_may_not_be_removed_is_not_said_to_be_gone(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path), disk=Forbidding())
    await driver.write([("/a/b", b"kept")])
    for path in ("/a/b", "/a"):
        with pytest.raises(WriteRefused):
            await driver.delete(path)
    assert await driver.read("/a/b") == b"kept"
    await driver.close()


async def test_a_lock_that_a_shared_folder_of_windows_refuses_is_another_writers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, how: int) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    driver = FilesystemDriver(str(tmp_path))
    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(PathBusy):
        await driver.writer("/uploads/1/data")
    await driver.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_what_root_makes_belongs_to_the_owner_of_the_root_folder(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    os.chown(root, 1234, 2345)
    driver = FilesystemDriver(str(root), private="/own")
    await driver.write([("/a/b/link", b"x"), ("/own/secret", b"y")])
    writer = await driver.writer("/uploads/1/data")
    await writer.write([b"z"])
    await writer.close()
    await driver.begin("/uploads/2/startedat", b"now", "/uploads/2/data")
    await driver.move("/uploads/1/data", "/blobs/z/data")
    await driver.close()
    found = {path: (path.stat().st_uid, path.stat().st_gid) for path in root.rglob("*")}
    assert len(found) > 8
    assert set(found.values()) == {(1234, 2345)}
    assert (root / "own").stat().st_mode & 0o007 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_root_gives_away_nothing_that_was_there_before(tmp_path: Path) -> None:
    """Who owns the folder could lead root to any file otherwise."""
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (elsewhere / "data").write_bytes(b"root's")
    os.chown(root, 1234, 2345)
    (root / "uploads").symlink_to(elsewhere)
    driver = FilesystemDriver(str(root))
    await (await driver.writer("/uploads/data")).close()
    await driver.close()
    assert (elsewhere / "data").stat().st_uid == 0
    assert elsewhere.stat().st_uid == 0
