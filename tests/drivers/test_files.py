"""A file that grows: a worker thread writes what waits, and the event loop learns what became of it."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from moorage.drivers.base import DriverError, PathBusy, PathNotFound, StorageFull
from moorage.drivers.disk import Disk
from moorage.drivers.files import SENT_BYTES, SPARE_BYTES
from moorage.drivers.filesystem import FilesystemDriver
from tests.contracts.disk import Failing, Watched, descriptors
from tests.contracts.streams import append

PATIENCE = 30.0
AHEAD = 1 << 20
MEBIBYTE = bytes(1 << 20)

ERRORS = [
    (errno.ENOSPC, StorageFull),
    (errno.EDQUOT, StorageFull),
    (errno.EIO, DriverError),
]


class Held(Watched):
    """Every write waits until it is let go, and fails then if there is an `error`."""

    def __init__(self, error: int = 0) -> None:
        super().__init__()
        self.error = error
        self.entered = threading.Event()
        self.go = threading.Event()
        self.done: list[str] = []

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        if name != "write":
            return
        self.entered.set()
        assert self.go.wait(PATIENCE)
        if self.error:
            self.done.append("failed write")
            raise OSError(self.error, os.strerror(self.error))

    def after(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        if name in ("write", "close"):
            self.done.append(name)

    async def is_writing(self) -> None:
        assert await asyncio.to_thread(self.entered.wait, PATIENCE)


class Sending(Disk):
    """Tells what it was told to begin to write."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []

    def begin_writing(self, fd: int, start: int, length: int) -> None:
        assert start + length <= os.fstat(fd).st_size, "not written yet"
        self.ranges.append((start, start + length))
        super().begin_writing(fd, start, length)


def open_files(driver: FilesystemDriver) -> set[str]:
    return {name for name in descriptors() if driver.root in name}


@pytest.mark.parametrize(("number", "kind"), ERRORS)
async def test_an_error_of_the_disk_is_raised_from_then_on(
    number: int, kind: type[DriverError], tmp_path: Path
) -> None:
    disk = Failing(2, number)
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    writer = await driver.writer("/u")
    disk.armed = True
    worked: list[Sequence[bytes]] = []

    async def give() -> None:
        for text in (b"first.", b"second", b"third."):
            await writer.write([text], worked.append, ahead=AHEAD)
        await writer.flush()

    with pytest.raises(DriverError) as raised:
        await give()
    assert type(raised.value) is kind
    assert raised.value.path == "/u"
    with pytest.raises(kind):
        await writer.write([b"more"], worked.append)
    with pytest.raises(kind):
        await writer.flush()
    await writer.close()
    assert worked == [[b"first."]]
    assert writer.size == 6
    assert await driver.read("/u") == b"first.sec", "a part of what failed, and nothing after it"
    await driver.close()


@pytest.mark.parametrize(("number", "kind"), ERRORS)
async def test_what_waits_behind_an_error_is_dropped(
    number: int, kind: type[DriverError], tmp_path: Path
) -> None:
    disk = Held(number)
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    writer = await driver.writer("/u")
    for _ in range(5):
        await writer.write([b"data"], ahead=AHEAD)
    await disk.is_writing()
    disk.go.set()
    with pytest.raises(kind):
        await writer.flush()
    await writer.close()
    assert disk.done == ["failed write", "close"]
    assert writer.size == 0
    await driver.close()


async def test_an_error_of_the_work_done_meanwhile_is_raised(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path))
    writer = await driver.writer("/u")

    def fail(_: Sequence[bytes]) -> None:
        raise ValueError("hash")

    await writer.write([b"good"])
    with pytest.raises(ValueError, match="hash"):
        await writer.write([b"bad"], fail)
    await writer.close()
    assert writer.size == 4
    await driver.close()


async def test_writing_ahead_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    disk = Held()
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    writer = await driver.writer("/u")
    for _ in range(5):
        await writer.write([b"12345"], ahead=25)
    assert writer.size == 0
    waiting = asyncio.create_task(writer.write([b"6"], ahead=25))
    await disk.is_writing()
    await asyncio.sleep(0)
    assert not waiting.done(), "26 bytes wait, and at most 25 may"
    disk.go.set()
    await waiting
    await writer.close()
    assert await driver.read("/u") == b"12345" * 5 + b"6"
    await driver.close()


async def test_closing_while_cancelled_leaves_the_file_open_for_its_thread(tmp_path: Path) -> None:
    """Else the thread would write into whatever file gets the descriptor next."""
    disk = Held()
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    writer = await driver.writer("/u")
    for _ in range(3):
        await writer.write([b"data"], ahead=AHEAD)
    await disk.is_writing()
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert len(open_files(driver)) == 1
    with pytest.raises(PathBusy):
        await driver.writer("/u")
    disk.done.clear()
    disk.go.set()
    async with asyncio.timeout(PATIENCE):
        while open_files(driver):
            await asyncio.sleep(0)
    assert disk.done == ["write", "write", "write", "close"]
    later = await driver.writer("/u")
    assert later.size == 12
    await later.close()
    await driver.close()


async def test_writing_while_cancelled_leaves_the_writer_usable(tmp_path: Path) -> None:
    disk = Held()
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    writer = await driver.writer("/u")
    writing = asyncio.create_task(writer.write([b"kept"]))
    await disk.is_writing()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    disk.go.set()
    await writer.write([b" more"])
    await writer.close()
    assert open_files(driver) == set()
    assert await driver.read("/u") == b"kept more"
    await driver.close()


async def test_a_large_file_goes_to_the_device_while_it_grows(tmp_path: Path) -> None:
    disk = Sending()
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    writer = await driver.writer("/u")
    for _ in range(20):
        await writer.write([MEBIBYTE], ahead=4 << 20)
    await writer.close()
    assert disk.ranges == [(0, SENT_BYTES), (SENT_BYTES, 2 * SENT_BYTES)]
    await driver.close()


async def test_batches_of_any_size_leave_no_gap_on_the_way_to_the_device(tmp_path: Path) -> None:
    disk = Sending()
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    for _ in range(2):
        writer = await driver.writer("/u")
        for _ in range(7):
            await writer.write([MEBIBYTE] * 3)
        await writer.close()
    # A later writer begins where it found the end.
    assert disk.ranges == [(start << 20, (start + 9) << 20) for start in (0, 9, 21, 30)]
    await driver.close()


async def test_a_small_file_is_left_to_its_sync(tmp_path: Path) -> None:
    disk = Sending()
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    writer = await driver.writer("/u")
    await writer.write([MEBIBYTE] * 7 + [MEBIBYTE[1:]])
    await writer.close()
    assert disk.ranges == []
    await driver.close()


async def test_closing_cancelled_at_the_very_end_leaves_nothing_open(tmp_path: Path) -> None:
    disk = Held()
    driver = FilesystemDriver(str(tmp_path), disk=disk)
    writer = await driver.writer("/u")
    await writer.write([b"x"], ahead=AHEAD)
    await disk.is_writing()
    closing = asyncio.ensure_future(writer.close())
    await asyncio.sleep(0)
    disk.go.set()
    while writer._working:  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    await (await driver.writer("/u")).close()
    await driver.close()


async def test_what_the_kernel_did_not_take_at_once_is_written_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that is nearly full, or when a signal arrives."""
    writev = os.writev
    monkeypatch.setattr(os, "writev", lambda fd, pieces: writev(fd, [b"".join(pieces)[:3]]))
    driver = FilesystemDriver(str(tmp_path))
    await append(driver, "/u", b"12", b"345", b"6")
    await driver.close()
    assert (tmp_path / "u").read_bytes() == b"123456"


async def test_a_writer_that_nobody_waited_for_holds_no_lock(tmp_path: Path) -> None:
    driver = FilesystemDriver(str(tmp_path), threads=1)
    asking = asyncio.ensure_future(driver.writer("/u"))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking])
    # Behind it in the queue of the only thread.
    await driver.children("/")
    while open_files(driver):
        await asyncio.sleep(0)
    await (await driver.writer("/u")).close()
    await driver.close()


async def test_memory_that_a_thread_may_still_fill_is_not_given_to_another_stream(tmp_path: Path) -> None:
    """That of a download that was cancelled while it waited for the device."""
    entered, go = threading.Event(), threading.Event()

    class Slow(Disk):
        @staticmethod
        def preadv(fd: int, buffers: Any, *rest: int) -> int:
            if not entered.is_set():
                entered.set()
                assert go.wait(PATIENCE)
            return os.preadv(fd, buffers, *rest)

    waiting = FilesystemDriver(str(tmp_path), disk=Slow(), inline_reads=False, threads=1)
    driver = FilesystemDriver(str(tmp_path))
    await driver.write([(f"/{number}", bytes([number]) * (2 * SPARE_BYTES)) for number in (1, 2)])
    first, second = await waiting.open("/1"), await driver.open("/2")
    reading = asyncio.ensure_future(anext(first.stream(0, first.size, SPARE_BYTES)))
    assert await asyncio.to_thread(entered.wait, PATIENCE)
    reading.cancel()
    await asyncio.wait([reading])
    piece = await anext(second.stream(0, second.size, SPARE_BYTES))
    go.set()
    # Behind it in the queue of the only thread.
    await waiting.children("/")
    assert set(piece) == {2}
    first.close()
    second.close()
    await waiting.close()
    await driver.close()


@pytest.mark.parametrize("again", [False, True], ids=["gone", "made again"])
async def test_an_upload_that_becomes_a_blob_while_it_is_opened_is_not_written_to(
    tmp_path: Path, again: bool
) -> None:
    class Late(Watched):
        def after(self, name: str, args: tuple[Any, ...], result: Any) -> None:
            if name == "open" and str(args[0]).endswith("/u/data"):
                os.rename(tmp_path / "u/data", tmp_path / "blob")
                if again:
                    (tmp_path / "u/data").write_bytes(b"")

    before = FilesystemDriver(str(tmp_path))
    await before.begin("/u/startedat", b"now", "/u/data")
    driver = FilesystemDriver(str(tmp_path), disk=Late())
    with pytest.raises(PathNotFound):
        await driver.writer("/u/data", begun=True)
    assert open_files(driver) == set()
    await before.close()
    await driver.close()


async def test_a_blob_has_its_name_before_what_leads_to_it(tmp_path: Path) -> None:
    names: list[str] = []

    class Naming(Watched):
        def before(self, name: str, args: tuple[Any, ...]) -> None:
            if name == "rename":
                names.append(os.path.basename(args[1]))

    driver = FilesystemDriver(str(tmp_path), disk=Naming())
    await append(driver, "/u/data", b"content")
    await driver.move("/u/data", "/blob", [("/link", b"leads to it"), ("/other", b"too")])
    assert names == ["blob", "link", "other"]
    await driver.close()
