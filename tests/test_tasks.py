"""Work that comes round: one leader does it, old uploads go, young ones stay."""

from __future__ import annotations

import asyncio
import datetime
import logging
import os
from pathlib import Path

import pytest

from moorage import tasks
from moorage.drivers.inmemory import InMemoryDriver
from moorage.names import Name
from moorage.store import layout
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from moorage.tasks import Leadership, UploadPurging, lead
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


async def test_work_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "ELECTION_SECONDS", 0.001)
    done = asyncio.Event()
    tries = 0

    async def fickle() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RuntimeError("not now")
        done.set()

    logging.disable(logging.CRITICAL)
    leader = Leadership(str(tmp_path / "lock"))
    leading = asyncio.create_task(lead(leader, [fickle]))
    await done.wait()
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    logging.disable(logging.NOTSET)
    os.close(leader._fd)


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
