"""What stands where a file or a folder of the tree should be is told as what it is, with its path, and blocks nobody."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from moorage.drivers.base import DriverError, Obstructed, PathNotFound
from moorage.drivers.filesystem import FilesystemDriver
from tests.contracts.disk import Counting, Watched
from tests.contracts.streams import append


@pytest.fixture(params=[True, False], ids=["inline", "threaded"])
async def driver(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[FilesystemDriver]:
    made = FilesystemDriver(str(tmp_path / "root"), inline_reads=request.param)
    await made.write([("/a/beside", b"whole")])
    yield made
    await made.close()


def folder(path: Path) -> None:
    path.mkdir()


def full_folder(path: Path) -> None:
    path.mkdir()
    (path / "x").write_bytes(b"theirs")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listener(path: Path) -> None:
    # The path of a socket is short.
    above = os.open(path.parent, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(f"/proc/self/fd/{above}/{path.name}")
    os.close(above)


def link_to_a_file(path: Path) -> None:
    path.with_name("moved").write_bytes(b"moved to another disk")
    path.symlink_to(path.with_name("moved"))


def link_to_nothing(path: Path) -> None:
    path.symlink_to("/nonexistent/file")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


FOLDERS = [
    (folder, "is a folder where a file should be"),
    (full_folder, "is a folder where a file should be"),
]
OTHERS = [
    (pipe, "is a pipe, a socket or a device"),
    (listener, "is a pipe, a socket or a device"),
    (link_to_a_file, "is a symbolic link"),
    (link_to_nothing, "is a symbolic link"),
    (link_to_itself, "is a symbolic link"),
]
Put = Callable[[Path], None]


@pytest.mark.parametrize(("put", "told"), [*FOLDERS, *OTHERS])
async def test_what_is_no_file_is_told_as_what_it_is(driver: FilesystemDriver, put: Put, told: str) -> None:
    """A pipe, too: whoever opens one waits for somebody to write to it, unless he says that he will not."""
    put(Path(driver.root, "a/file"))
    for action in (driver.read, driver.open, driver.writer):
        with pytest.raises(Obstructed, match=f"^/a/file: {told}"):
            await action("/a/file")
    if put not in (folder, full_folder):
        with pytest.raises(Obstructed, match=f"^/a/file: {told}"):
            await driver.stat("/a/file")
    assert await driver.read("/a/beside") == b"whole"


async def test_a_pipe_with_bytes_in_it_is_no_file(driver: FilesystemDriver) -> None:
    os.mkfifo(driver.root + "/a/file")
    fd = os.open(driver.root + "/a/file", os.O_RDWR)
    os.write(fd, b"not of the registry")
    for action in (driver.read, driver.open, driver.writer):
        with pytest.raises(Obstructed):
            await action("/a/file")
    os.close(fd)


@pytest.mark.parametrize(("put", "told"), FOLDERS)
async def test_a_write_that_a_folder_prevents_names_it_and_changes_nothing(
    driver: FilesystemDriver, put: Put, told: str
) -> None:
    put(Path(driver.root, "a/link"))
    with pytest.raises(Obstructed, match=f"^/a/link: {told}"):
        await driver.write([("/a/content", b"new"), ("/a/beside", b"changed")], [("/a/link", b"x")])
    assert await driver.read("/a/beside") == b"whole"
    with pytest.raises(PathNotFound):
        await driver.stat("/a/content")
    Path(driver.root, "a/link/x").unlink(missing_ok=True)
    Path(driver.root, "a/link").rmdir()
    await driver.write([("/a/content", b"new")], [("/a/link", b"x")])
    assert await driver.read("/a/link") == b"x"


@pytest.mark.parametrize(("put", "told"), OTHERS)
async def test_a_write_replaces_what_can_be_replaced(driver: FilesystemDriver, put: Put, told: str) -> None:
    put(Path(driver.root, "a/link"))
    await driver.write([("/a/link", b"ours")])
    assert await driver.read("/a/link") == b"ours"
    assert not Path(driver.root, "a/link").is_symlink()


@pytest.mark.parametrize(("put", "told"), FOLDERS)
@pytest.mark.parametrize("place", ["/b/data", "/a/link"])
async def test_a_move_that_a_folder_prevents_names_it_and_leaves_the_source(
    driver: FilesystemDriver, place: str, put: Put, told: str
) -> None:
    await append(driver, "/u/data", b"content")
    await driver.write([("/b/other", b"x")])
    put(Path(driver.root + place))
    with pytest.raises(Obstructed, match=f"^{place}: {told}"):
        await driver.move("/u/data", "/b/data", [("/a/link", b"leads to it")], remove=["/u"])
    assert await driver.read("/u/data") == b"content"


async def test_a_file_where_a_folder_should_be_is_nothing_to_a_reader_and_an_obstacle_to_a_writer(
    driver: FilesystemDriver,
) -> None:
    await append(driver, "/u/data", b"content")
    for path in ("/a/beside/link", "/a/beside/deeper/link"):
        for action in (driver.read, driver.stat, driver.open, driver.children, driver.delete):
            with pytest.raises(PathNotFound):
                await action(path)
        assert not await driver.is_folder(path)
        for write in (
            lambda path: driver.write([(path, b"x")]),
            lambda path: driver.write([("/a/other", b"x")], [(path, b"x")]),
            lambda path: driver.begin(path, b"x", f"{path}-data"),
            lambda path: driver.writer(path),
            lambda path: driver.move("/u/data", "/b/data", [(path, b"x")]),
            lambda path: driver.move("/u/data", path),
        ):
            with pytest.raises(Obstructed, match=r"^/a/beside: is a file where a folder should be"):
                await write(path)
    assert await driver.read("/u/data") == b"content"
    assert await driver.children("/a") == ["beside"]


async def test_a_folder_that_a_link_leads_to_is_a_folder_of_the_tree(
    driver: FilesystemDriver, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    Path(driver.root, "elsewhere").symlink_to(tmp_path / "disk")
    await driver.write([("/elsewhere/file", b"on another disk")])
    assert (tmp_path / "disk/file").read_bytes() == b"on another disk"
    assert await driver.read("/elsewhere/file") == b"on another disk"
    assert await driver.children("/elsewhere") == ["file"]
    assert await driver.is_folder("/elsewhere")
    assert (await driver.stat("/elsewhere")).is_folder


async def test_a_link_to_a_disk_that_is_not_mounted_is_told(driver: FilesystemDriver) -> None:
    link_to_nothing(Path(driver.root, "elsewhere"))
    with pytest.raises(Obstructed, match=r"^/elsewhere: is a symbolic link that leads nowhere"):
        await driver.write([("/elsewhere/below/file", b"x")])
    with pytest.raises(Obstructed, match=r"^/elsewhere: is a symbolic link that leads nowhere"):
        await driver.is_folder("/elsewhere")
    for action in (driver.read, driver.stat, driver.children):
        with pytest.raises(PathNotFound):
            await action("/elsewhere/file")


class FailsAt(Watched):
    """Fails a call of one name that concerns one file."""

    def __init__(self, name: str, part: str) -> None:
        super().__init__()
        self.name, self.part = name, part
        self.open_files: dict[int, str] = {}
        self.names: dict[str, str] = {}

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        path = self.open_files.get(args[0], "") if isinstance(args[0], int) else str(args[-1])
        if name == self.name and self.part in path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def after(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        if name == "open":
            self.open_files[result] = args[0]


@pytest.mark.parametrize(
    ("name", "part", "told"), [("rename", "/b/second", "/b/second"), ("fsync", "root/b", "/b")]
)
async def test_a_failed_write_names_the_file_or_folder_that_failed(
    tmp_path: Path, name: str, part: str, told: str
) -> None:
    """Not the first of the batch."""
    driver = FilesystemDriver(str(tmp_path / "root"), disk=FailsAt(name, part))
    with pytest.raises(DriverError) as raised:
        await driver.write([("/a/first", b"1")], [("/b/second", b"2")])
    assert raised.value.path == told
    await driver.close()


async def test_the_content_that_failed_to_reach_the_disk_is_named(tmp_path: Path) -> None:
    class Last(Watched):
        """The files are synced in the reverse order."""

        def before(self, name: str, args: tuple[Any, ...]) -> None:
            if name == "fsync":
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    driver = FilesystemDriver(str(tmp_path / "root"), disk=Last())
    with pytest.raises(DriverError) as raised:
        await driver.write([("/a/first", b"1"), ("/a/second", b"2")])
    assert raised.value.path == "/a/second"
    await driver.close()


async def test_looking_for_obstacles_costs_a_write_nothing(tmp_path: Path) -> None:
    disk = Counting()
    driver = FilesystemDriver(str(tmp_path / "root"), disk=disk)
    await driver.write([("/a/b", b"1")])
    disk.reset()
    await driver.write([("/a/c", b"2")])
    # The file that is not there yet is looked for, written, and its folder synced. At the end it is looked whether somebody has removed it
    # meanwhile, and whether anybody keeps a journal.
    assert disk.calls["stat"] == 2
    assert disk.calls["open"] <= 3
    await driver.close()
