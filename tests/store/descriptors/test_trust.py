from __future__ import annotations

import asyncio
import logging

import pytest

from moorage.drivers.base import DriverError
from moorage.store.blobstore import Blob
from moorage.store.descriptors.memory import MemoryDescriptors
from moorage.store.descriptors.trust import Watched
from tests.store.descriptors.facts import KNOWN, LINK, OTHER, OTHER_LINK, Clock

TRUST, POLL, DEAD = 10.0, 5.0, 600.0


class Marker:
    """What the storage says of collections; a text, or what it raises. `hold` keeps answers back."""

    def __init__(self) -> None:
        self.text: str | Exception = ""
        self.asked = 0
        self.free = asyncio.Event()
        self.free.set()

    async def __call__(self) -> str:
        self.asked += 1
        text = self.text
        await self.free.wait()
        if isinstance(text, Exception):
            raise text
        return text


class World:
    """A storage, its marker, and processes that share one cache, as in Redis."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.marker = Marker()
        self.shared = MemoryDescriptors(clock=self.clock)
        self.cache = self.process()

    def process(self) -> Watched:
        return Watched(
            self.shared,
            self.marker,
            trust_seconds=TRUST,
            poll_seconds=POLL,
            dead_seconds=DEAD,
            clock=self.clock,
        )

    async def keep(self) -> None:
        """A process that has looked before reads and keeps the fact."""
        assert await self.cache.get(LINK) is None
        self.clock.now += 1
        await self.cache.put(LINK, KNOWN, self.clock())
        assert await self.cache.get(LINK) == KNOWN

    async def keep_again(self) -> None:
        """After a while, in which trust has to be renewed."""
        self.clock.now += TRUST + 1
        await self.cache.get(LINK)
        self.clock.now += 1
        await self.cache.put(LINK, KNOWN, self.clock())
        assert await self.cache.get(LINK) == KNOWN

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
def world() -> World:
    return World()


async def test_entries_are_trusted_and_the_marker_is_asked_now_and_then(world: World) -> None:
    await world.keep()
    assert world.marker.asked == 1
    for _ in range(40):
        world.clock.now += 0.5
        assert await world.cache.get(LINK) == KNOWN
        await world.settle()
    assert world.marker.asked == 5


async def test_a_look_that_is_due_holds_nobody_up_while_there_is_trust(world: World) -> None:
    await world.keep()
    world.marker.free.clear()
    world.clock.now += POLL
    assert await world.cache.get(LINK) == KNOWN
    await world.settle()
    assert world.marker.asked == 2
    world.clock.now += POLL - 2
    assert await world.cache.get(LINK) == KNOWN
    assert world.marker.asked == 2
    world.marker.free.set()
    await world.cache.close()


async def test_after_a_rest_the_marker_is_waited_for(world: World) -> None:
    await world.keep()
    world.clock.now += 1000
    assert await world.cache.get(LINK) is None, "the entry was too old"
    world.clock.now += 1
    await world.cache.put(LINK, KNOWN, world.clock())
    world.clock.now += TRUST + 1
    world.marker.free.clear()
    answer = asyncio.create_task(world.cache.get(LINK))
    await world.settle()
    assert not answer.done()
    world.marker.free.set()
    assert await answer == KNOWN


async def test_trust_counts_from_before_the_marker_was_asked(world: World) -> None:
    await world.keep()
    world.clock.now += TRUST + 1
    world.marker.free.clear()
    answer = asyncio.create_task(world.cache.get(LINK))
    await world.settle()
    world.clock.now += TRUST + 1
    world.marker.free.set()
    assert await answer is None


async def test_a_marker_that_hangs_is_not_waited_for_long() -> None:
    marker = Marker()
    marker.free.clear()
    cache = Watched(MemoryDescriptors(), marker, trust_seconds=0.2, poll_seconds=0.1)
    async with asyncio.timeout(30):
        assert await cache.get(LINK) is None
    await cache.close()


async def test_nothing_is_trusted_or_kept_while_a_collection_runs(world: World) -> None:
    await world.keep()
    world.marker.text = "running 1"
    world.clock.now += POLL
    await world.cache.get(LINK)
    await world.settle()
    assert await world.cache.get(LINK) is None
    await world.cache.put(OTHER_LINK, OTHER, world.clock())
    assert await world.shared.get(OTHER_LINK) is None
    for _ in range(10):
        assert await world.cache.get(LINK) is None
    assert world.marker.asked == 2, "not once for each request"


async def test_what_was_known_before_a_collection_is_forgotten_after_it(world: World) -> None:
    await world.keep()
    world.marker.text = "running 1"
    world.clock.now += TRUST + 1
    assert await world.cache.get(LINK) is None
    world.marker.text = "ended 1"
    world.clock.now += TRUST + 1
    assert await world.cache.get(LINK) is None
    assert await world.shared.get(LINK) is None
    await world.keep()


async def test_a_collection_that_died_is_told_once_and_what_is_found_after_it_is_trusted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.keep()
    world.marker.text = "running 1 at noon"
    for _ in range(2):
        world.clock.now += DEAD
        assert await world.cache.get(LINK) is None
    assert await world.shared.get(LINK) is None, "it may have removed something before it died"
    for _ in range(3):
        await world.keep_again()
    assert [record.getMessage() for record in caplog.records] == ["a garbage collection died: run it again"]


async def test_a_collection_that_beats_runs_on(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.keep()
    for minute in range(30):
        world.marker.text = f"running 1 at {minute}"
        world.clock.now += 60
        assert await world.cache.get(LINK) is None
        await world.cache.put(LINK, KNOWN, world.clock())
        assert await world.cache.get(LINK) is None
    assert caplog.records == []


async def test_a_collection_that_was_thought_dead_is_heeded_as_soon_as_it_beats(world: World) -> None:
    world.marker.text = "running 1 at noon"
    for _ in range(2):
        world.clock.now += DEAD
        assert await world.cache.get(LINK) is None
    await world.keep_again()
    world.marker.text = "running 1 at night"
    world.clock.now += TRUST + 1
    assert await world.cache.get(LINK) is None
    world.marker.text = "ended 1"
    world.clock.now += TRUST + 1
    assert await world.cache.get(LINK) is None
    assert await world.shared.get(LINK) is None


async def test_a_collection_that_nobody_saw_counts_too(world: World) -> None:
    world.marker.text = "ended 1"
    await world.keep()
    world.clock.now += TRUST + 1
    world.marker.text = "ended 2"
    assert await world.cache.get(LINK) is None
    await world.keep()


async def test_a_new_process_does_not_trust_what_others_have_kept(world: World) -> None:
    """Nobody may have seen the last collection."""
    await world.keep()
    world.marker.text = "ended 1"
    another = world.process()
    assert await another.get(LINK) is None


async def test_a_fact_from_before_a_collection_is_not_kept_after_it(world: World) -> None:
    await world.keep()
    since = world.clock()
    world.marker.text = "ended 1"
    world.clock.now += TRUST + 1
    assert await world.cache.get(LINK) is None
    await world.cache.put(LINK, KNOWN, since)
    assert await world.cache.get(LINK) is None
    assert await world.shared.get(LINK) is None


async def test_a_fact_is_not_kept_without_trust(world: World) -> None:
    await world.keep()
    since = world.clock()
    world.clock.now += TRUST + 1
    await world.cache.put(OTHER_LINK, OTHER, since)
    assert await world.shared.get(OTHER_LINK) is None
    await world.settle()
    world.clock.now += 1
    await world.cache.put(OTHER_LINK, OTHER, world.clock())
    assert await world.cache.get(OTHER_LINK) == OTHER, "a put looks too"


class Slow(MemoryDescriptors):
    """Answers as it was asked, when `free` is set."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.free = asyncio.Event()
        self.free.set()

    async def get(self, link: str) -> Blob | None:
        found = await super().get(link)
        await self.free.wait()
        return found


async def test_an_answer_that_took_long_is_not_trusted(world: World) -> None:
    slow = world.shared = Slow(world.clock)
    world.cache = world.process()
    await world.keep()
    slow.free.clear()
    answer = asyncio.create_task(world.cache.get(LINK))
    await world.settle()
    world.clock.now += TRUST + 1
    slow.free.set()
    assert await answer is None


async def test_an_answer_from_before_a_collection_is_not_trusted_after_it(world: World) -> None:
    slow = world.shared = Slow(world.clock)
    world.cache = world.process()
    await world.keep()
    slow.free.clear()
    answer = asyncio.create_task(world.cache.get(LINK))
    await world.settle()
    world.marker.text = "ended 1"
    world.clock.now += TRUST + 1
    another = asyncio.create_task(world.cache.get(OTHER_LINK))
    await world.settle()
    slow.free.set()
    assert await answer is None
    assert await another is None


@pytest.mark.parametrize(
    "error", [DriverError("/moorage/collection", "the storage is away"), OSError(5, "no")]
)
async def test_without_word_of_collections_nothing_is_trusted(
    world: World, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    await world.keep()
    world.marker.text = error
    with caplog.at_level(logging.INFO):
        for _ in range(4):
            world.clock.now += POLL
            await world.cache.get(LINK)
            await world.settle()
            assert await world.cache.get(LINK) is None
            await world.cache.put(OTHER_LINK, OTHER, world.clock())
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert world.marker.asked == 5
    world.marker.text = ""
    world.clock.now += POLL
    assert await world.cache.get(LINK) == KNOWN, "nothing was collected"
    assert await world.cache.get(OTHER_LINK) is None


async def test_drops_and_clears_go_through_without_trust(world: World) -> None:
    await world.keep()
    world.clock.now += TRUST + 1
    await world.cache.drop(LINK)
    assert await world.shared.get(LINK) is None
    world.clock.now += 1
    await world.shared.put(LINK, KNOWN, world.clock())
    await world.cache.clear()
    assert await world.shared.get(LINK) is None


async def test_a_request_that_ends_does_not_end_the_look_of_others(world: World) -> None:
    world.marker.free.clear()
    first = asyncio.create_task(world.cache.get(LINK))
    second = asyncio.create_task(world.cache.get(LINK))
    await world.settle()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    world.marker.free.set()
    assert await second is None
    await world.keep()
    assert world.marker.asked == 1


async def test_closing_ends_a_look(world: World) -> None:
    world.marker.free.clear()
    waiting = asyncio.create_task(world.cache.get(LINK))
    await world.settle()
    await world.cache.close()
    assert await waiting is None
