"""Garbage collections keep out of each other's way, with locks and without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

import pytest

from moorage.drivers.base import Driver, DriverError, FileInfo
from moorage.drivers.delegating import DelegatingDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.store import announcing, layout
from moorage.store.announcing import HEARTBEAT_SECONDS, AnotherCollection, announced, last_beat, last_text
from moorage.store.copying.registry import CopyRefused, copy_registry
from moorage.store.descriptors.trust import DEAD_SECONDS
from tests.drivers.objectstore.stores import driver_over
from tests.store.images import image
from tests.store.shelf import Shelf
from tests.support.objectstores import S3


@pytest.fixture
async def store(moto_store: S3) -> AsyncIterator[Driver]:
    made = driver_over(moto_store)
    yield made
    await made.close()


async def test_a_collection_says_that_it_runs_and_that_it_ended(store: Driver) -> None:
    assert await last_text(store) == ""
    texts = []
    for _ in range(2):
        async with announced(store, notice_seconds=0):
            texts.append(await last_text(store))
        texts.append(await last_text(store))
    assert [text.partition(" ")[0] for text in texts] == ["running", "ended", "running", "ended"]
    assert len(set(texts)) == 4, "no text may come back"


async def test_a_second_collection_does_not_begin(store: Driver) -> None:
    async with announced(store, notice_seconds=0):
        running = await last_text(store)
        with pytest.raises(AnotherCollection, match="another garbage collection is running"):
            async with announced(store, notice_seconds=0):
                raise AssertionError
        assert await last_text(store) == running


class AtOnce(DelegatingDriver):
    """Who looks goes on when two have looked, and who writes when two have written."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self._looked, self._wrote = asyncio.Barrier(2), asyncio.Barrier(2)
        self._looks = self._writes = 2

    async def read(self, path: str) -> bytes:
        try:
            return await self._driver.read(path)
        finally:
            if self._looks:
                self._looks -= 1
                await self._looked.wait()

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        await self._driver.write(*stages)
        if self._writes:
            self._writes -= 1
            await self._wrote.wait()


async def test_of_two_that_begin_at_once_one_goes_on(store: Driver) -> None:
    inside, both = 0, AtOnce(store)

    async def run() -> None:
        nonlocal inside
        async with announced(both, notice_seconds=0):
            inside += 1

    outcomes = await asyncio.gather(run(), run(), return_exceptions=True)
    assert sorted(str(outcome) for outcome in outcomes) == [
        "None",
        "another garbage collection began at the same time",
    ]
    assert inside == 1
    assert (await last_text(store)).startswith("ended")


async def test_one_that_is_interrupted_while_it_waits_ends_too(store: Driver) -> None:
    async def run() -> None:
        async with announced(store, notice_seconds=60):
            raise AssertionError

    running = asyncio.create_task(run())
    while not await last_text(store):
        await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await last_text(store)).startswith("ended")


async def test_one_that_failed_still_ends(store: Driver) -> None:
    with pytest.raises(ValueError, match="in the middle"):
        async with announced(store, notice_seconds=0):
            raise ValueError("in the middle")
    assert (await last_text(store)).startswith("ended")


async def test_one_that_died_is_followed_by_another(store: Driver, caplog: pytest.LogCaptureFixture) -> None:
    await store.write([(layout.COLLECTION, b"running 0123456789abcdef")])
    with pytest.raises(AnotherCollection):
        async with announced(store, notice_seconds=0):
            raise AssertionError
    async with announced(store, notice_seconds=0, dead_seconds=0):
        assert "taking over" in caplog.text


async def test_servers_can_tell_each_heartbeat(store: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "HEARTBEAT_SECONDS", 0.2)
    beats: set[str] = set()
    async with announced(store, notice_seconds=0), asyncio.timeout(30):
        while len(beats) < 3:
            beats.add(await last_beat(store))
            await asyncio.sleep(0.05)
    assert {beat.partition(" ")[0] for beat in beats} == {"running"}
    assert await last_beat(store) == await last_text(store)


@pytest.fixture
async def pass_seconds(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass at once, for all that the event loop waits for. The store has its own clock."""
    loop = asyncio.get_running_loop()
    real, passed = loop.time, 0.0

    def let_pass(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(loop, "time", lambda: real() + passed)
    return let_pass


class Heard(DelegatingDriver):
    """A store that knows whether a heartbeat is over."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.looked, self.wrote = asyncio.Event(), asyncio.Event()

    async def read(self, path: str) -> bytes:
        found = await self._driver.read(path)
        self.looked.set()
        return found

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        await self._driver.write(*stages)
        self.wrote.set()


async def test_one_that_cannot_tell_that_it_goes_on_gives_up(
    store: Driver, pass_seconds: Callable[[float], None]
) -> None:
    """Servers would take it for dead, and trust what they remember while it removes things."""
    heard, beats = Heard(store), 0

    async def run() -> None:
        nonlocal beats
        async with announced(heard, notice_seconds=0):
            await store.write([(layout.COLLECTION, b"running another")])
            while beats * HEARTBEAT_SECONDS < DEAD_SECONDS:
                beats += 1
                heard.looked.clear()
                pass_seconds(HEARTBEAT_SECONDS)
                await heard.looked.wait()

    async with asyncio.timeout(DEAD_SECONDS + 60):
        with pytest.raises(DriverError, match=r"could not be rewritten .*: run it again"):
            await run()
    assert beats * HEARTBEAT_SECONDS < DEAD_SECONDS
    assert await last_text(store) == "running another"


async def test_one_that_goes_on_telling_may_take_long(
    store: Driver, pass_seconds: Callable[[float], None]
) -> None:
    heard = Heard(store)
    async with asyncio.timeout(2 * DEAD_SECONDS + 120), announced(heard, notice_seconds=0):
        for _ in range(round(2 * DEAD_SECONDS / HEARTBEAT_SECONDS)):
            heard.wrote.clear()
            pass_seconds(HEARTBEAT_SECONDS)
            await heard.wrote.wait()
    assert (await last_text(store)).startswith("ended")


class OtherClock(DelegatingDriver):
    """A store whose clock is that many seconds ahead of this machine's."""

    def __init__(self, driver: Driver, ahead: float) -> None:
        super().__init__(driver)
        self._ahead = ahead

    async def stat(self, path: str) -> FileInfo:
        found = await self._driver.stat(path)
        return FileInfo(found.size, found.modified + self._ahead)


async def test_a_clock_that_is_ahead_of_the_store_takes_no_running_collection_for_dead(store: Driver) -> None:
    behind = OtherClock(store, -2 * DEAD_SECONDS)
    async with announced(store, notice_seconds=0):
        running = await last_text(store)
        with pytest.raises(AnotherCollection, match="another garbage collection is running"):
            async with announced(behind, notice_seconds=0):
                raise AssertionError
        assert await last_text(store) == running


async def test_a_clock_that_is_behind_the_store_does_not_wait_longer_for_a_dead_collection(
    store: Driver,
) -> None:
    await store.write([(layout.COLLECTION, b"running 0123456789abcdef")])
    async with announced(OtherClock(store, 3600), notice_seconds=0, dead_seconds=0):
        pass
    assert (await last_text(store)).startswith("ended")


class LongAgo(DelegatingDriver):
    """A store whose last announcement is from long ago."""

    async def stat(self, path: str) -> FileInfo:
        found = await self._driver.stat(path)
        return FileInfo(found.size, found.modified - 2 * DEAD_SECONDS * (path == layout.COLLECTION))


async def test_a_copy_to_a_store_keeps_out_of_the_way_of_a_collection_but_not_of_a_dead_one(
    store: Driver,
) -> None:
    source = Shelf(InMemoryDriver())
    await source.push("a", image("one"), "v1")
    await store.write([(layout.COLLECTION, b"running 0123456789abcdef")])
    with pytest.raises(CopyRefused, match="a garbage collection works on the target, or died"):
        await copy_registry(source.driver, store)
    assert (await copy_registry(source.driver, LongAgo(store))).tags == 1
