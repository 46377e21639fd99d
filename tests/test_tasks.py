"""Work that comes round: one leader does it, old uploads go, young ones stay."""

from __future__ import annotations

import asyncio
import datetime
import errno
import fcntl
import os
from functools import partial
from pathlib import Path

import pytest

from moorage import tasks
from moorage.app import Application
from moorage.config import load
from moorage.drivers.base import DriverError
from moorage.drivers.inmemory import InMemoryDriver
from moorage.leadership import Leadership
from moorage.names import Name
from moorage.store import layout
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from moorage.tasks import UploadPurging, forever, led
from tests.contracts.disk import Inline

HOUR = datetime.timedelta(hours=1)


async def test_one_leads_until_it_is_gone(tmp_path: Path) -> None:
    first, second = (Leadership(str(tmp_path / "lock")) for _ in range(2))
    assert first.take()
    assert first.take(), "a leader stays one"
    assert not second.take()
    os.close(first._fd)
    assert second.take()
    os.close(second._fd)


async def test_who_cannot_open_the_lock_says_so_once_and_tries_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lock = tmp_path / "folder" / "lock"
    leadership = Leadership(str(lock))
    winning = asyncio.create_task(leadership.won(0.001))
    await asyncio.sleep(0.02)
    assert not winning.done()
    lock.parent.mkdir()
    async with asyncio.timeout(10):
        await winning
    (line,) = caplog.records
    assert (line.path, line.reason) == (str(lock), "No such file or directory")  # type: ignore[attr-defined]
    os.close(leadership._fd)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_lock_that_root_makes_belongs_to_the_owner_of_its_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 2345)
    lock, before = tmp_path / "lock", tmp_path / "before"
    before.touch()
    for path in (lock, before):
        leadership = Leadership(str(path))
        assert leadership.take()
        os.close(leadership._fd)
    assert [(path.stat().st_uid, path.stat().st_gid) for path in (lock, before)] == [(1234, 2345), (0, 0)]


def is_open(path: Path) -> bool:
    """Here, whatever other threads have open."""
    return any(os.path.realpath(one) == str(path) for one in Path("/proc/self/fd").iterdir())


async def test_where_nothing_can_be_locked_nobody_leads_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As on NFS without its lock daemon. What another holds is another matter, and nothing to tell of."""

    def refuse(number: int) -> None:
        def flock(fd: int, operation: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", flock)

    leadership = Leadership(str(tmp_path / "lock"))
    for taken in (errno.EWOULDBLOCK, errno.EACCES):
        refuse(taken)
        assert not leadership.take()
    refuse(errno.ENOLCK)
    with pytest.raises(OSError, match="No locks available"):
        leadership.take()
    assert not is_open(tmp_path / "lock"), "a file stays open"
    winning = asyncio.create_task(leadership.won(0.001))
    await asyncio.sleep(0.02)
    assert not winning.done()
    winning.cancel()
    await asyncio.gather(winning, return_exceptions=True)
    (line,) = caplog.records
    assert (line.path, line.reason) == (str(tmp_path / "lock"), "No locks available")  # type: ignore[attr-defined]


@pytest.mark.parametrize("leads", [True, False])
async def test_work_that_fails_is_logged_and_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, leads: bool
) -> None:
    monkeypatch.setattr(tasks, "RETRY_SECONDS", 0.001)
    done = asyncio.Event()
    tries = 0

    async def fickle() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RuntimeError("not now")
        done.set()

    leader = Leadership(str(tmp_path / "lock"))
    working = asyncio.create_task(forever(partial(led, leader, fickle) if leads else fickle))
    async with asyncio.timeout(10):
        await done.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert [record.message for record in caplog.records] == ["periodic task failed"] * 2
    if leads:
        os.close(leader._fd)


async def test_a_store_that_fails_once_does_not_end_purging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in memory and over object stores, where nobody is elected."""
    monkeypatch.setattr(tasks, "JITTER_SECONDS", 0.0)
    monkeypatch.setattr(tasks, "RETRY_SECONDS", 0.001)
    config = tmp_path / "config.yml"
    config.write_text("version: 0.1\nstorage:\n  inmemory: {}\n")
    application = Application(load(config, {}).configuration)
    asked = asyncio.Semaphore(0)

    async def fails(path: str) -> list[str]:
        asked.release()
        raise DriverError(path, "not now")

    monkeypatch.setattr(application._driver, "children", fails)
    async with application._opened(), asyncio.timeout(10):
        for _ in range(3):
            await asked.acquire()


async def session(registry: Registry, folder: Path, age: datetime.timedelta) -> Path:
    upload = await registry.repository("team/app").uploads.start()
    place = Path(str(folder) + layout.upload(Name("team/app"), upload.id))
    moment = (datetime.datetime.now(datetime.UTC) - age).timestamp()
    for name in ("startedat", "data"):
        os.utime(place / name, (moment, moment))
    return place


async def test_old_uploads_are_purged_and_young_ones_stay(tmp_path: Path) -> None:
    registry = Registry(Stock(Inline(str(tmp_path))))
    old, young = await session(registry, tmp_path, 3 * HOUR), await session(registry, tmp_path, HOUR / 2)
    slow = await session(registry, tmp_path, 30 * HOUR)
    (slow / "data").write_bytes(b"its last byte came a moment ago")
    odd = old.parent / "lost+found"
    odd.mkdir()
    assert await UploadPurging(registry, HOUR, HOUR, dry_run=True).purge() == 1
    assert old.exists()
    assert await UploadPurging(registry, HOUR, HOUR, dry_run=False).purge() == 1
    assert not old.exists()
    assert all(path.exists() for path in (young, slow, odd))


async def test_purging_an_empty_registry_is_nothing() -> None:
    assert await UploadPurging(Registry(Stock(InMemoryDriver())), HOUR, HOUR, dry_run=False).purge() == 0
