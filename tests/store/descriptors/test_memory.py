from __future__ import annotations

import os
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from moorage.store.blobstore import Blob
from moorage.store.descriptors.base import Nothing
from moorage.store.descriptors.memory import MemoryDescriptors
from moorage.store.descriptors.removals import Removals
from tests.store.descriptors.facts import KNOWN, LINK, OTHER, OTHER_LINK, Clock, fact

T = TypeVar("T")


def done(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of what never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits")


async def test_what_was_put_is_known_until_it_is_dropped() -> None:
    clock = Clock()
    cache = MemoryDescriptors(clock=clock)
    assert await cache.get(LINK) is None
    await cache.put(LINK, KNOWN, clock())
    await cache.put(OTHER_LINK, OTHER, clock())
    assert await cache.get(LINK) == KNOWN
    await cache.drop(LINK)
    assert await cache.get(LINK) is None
    await cache.put(OTHER_LINK, OTHER, clock() + 1)
    await cache.clear()
    assert await cache.get(OTHER_LINK) is None


async def test_processes_with_one_memory_forget_together() -> None:
    clock, removals = Clock(), Removals()
    ours = MemoryDescriptors(removals=removals, clock=clock)
    read = clock()
    await ours.put(LINK, KNOWN, read)
    child = os.fork()
    if not child:
        # What a worker does that is told to delete, in memory that was shared when it was forked.
        theirs = MemoryDescriptors(removals=removals, clock=clock)
        done(theirs.drop(OTHER_LINK))
        os._exit(0)
    os.waitpid(child, 0)
    clock.now += 1
    assert await ours.get(LINK) is None
    await ours.put(LINK, KNOWN, read)
    assert await ours.get(LINK) is None, "read before the removal was told of"
    clock.now += 1
    await ours.put(LINK, KNOWN, clock())
    assert await ours.get(LINK) == KNOWN


async def test_what_was_read_before_a_drop_or_a_clear_is_not_kept_after_it() -> None:
    clock = Clock()
    cache = MemoryDescriptors(clock=clock)
    for links in ([LINK], []):
        since = clock()
        clock.now += 1
        await (cache.drop(*links) if links else cache.clear())
        await cache.put(LINK, KNOWN, since)
        assert await cache.get(LINK) is None
        clock.now += 1
        await cache.put(LINK, KNOWN, clock())
        assert await cache.get(LINK) == KNOWN


async def test_the_least_recently_used_is_forgotten() -> None:
    clock = Clock()
    cache = MemoryDescriptors(limit=2, clock=clock)
    await cache.put(LINK, KNOWN, clock())
    await cache.put(OTHER_LINK, OTHER, clock())
    await cache.get(LINK)
    await cache.put(*fact(3), clock())
    assert await cache.get(OTHER_LINK) is None
    assert await cache.get(LINK) == KNOWN
    assert len(cache) == 2


async def test_without_a_limit_only_the_old_are_forgotten() -> None:
    clock = Clock()
    cache = MemoryDescriptors(limit=0, seconds=10, clock=clock)
    for number in range(1000):
        await cache.put(*fact(number), clock())
    assert len(cache) == 1000
    clock.now += 11
    await cache.put(*fact(1000), clock())
    assert len(cache) == 1


async def test_an_entry_is_as_old_as_what_was_read() -> None:
    clock = Clock()
    cache = MemoryDescriptors(seconds=10, clock=clock)
    await cache.put(LINK, KNOWN, clock() - 9)
    assert await cache.get(LINK) == KNOWN
    clock.now += 1
    assert await cache.get(LINK) is None
    await cache.put(LINK, KNOWN, clock() - 10)
    assert len(cache) == 0


async def test_nothing_remembers_nothing() -> None:
    cache = Nothing()
    await cache.put(LINK, KNOWN, 1.0)
    assert await cache.get(LINK) is None
    await cache.drop(LINK)
    await cache.clear()
    await cache.close()


LIMIT, SECONDS = 3, 10.0
LINKS = st.integers(0, 4)


class Remembering(RuleBasedStateMachine):
    """Against a list of all that was ever done."""

    @initialize(limit=st.sampled_from([0, LIMIT]))
    def begin(self, limit: int) -> None:
        self.clock = Clock()
        self.limit = limit
        self.cache = MemoryDescriptors(limit, SECONDS, clock=self.clock)
        self.kept: dict[int, tuple[Blob, float]] = {}
        self.facts: dict[int, list[tuple[Blob, float]]] = {}
        self.dropped = 0.0

    @rule(seconds=st.sampled_from([0.5, 3.0, 12.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(number=LINKS, size=st.integers(0, 3), ago=st.sampled_from([0.0, 1.0, 5.0]))
    def put(self, number: int, size: int, ago: float) -> None:
        known, since = Blob(fact(number)[1].digest, size), self.clock() - ago
        done(self.cache.put(fact(number)[0], known, since))
        if since > self.dropped:
            # One that was forgotten for want of room may come back as an older fact.
            self.facts.setdefault(number, []).append((known, since))
        if since > self.dropped and since > self.kept.get(number, (known, 0.0))[1]:
            self.kept[number] = known, since
            self.fresh(number)

    def fresh(self, number: int) -> None:
        if self.clock() - self.kept[number][1] < SECONDS:
            assert done(self.cache.get(fact(number)[0])) == self.kept[number][0]

    @rule(numbers=st.lists(LINKS, max_size=3))
    def drop(self, numbers: list[int]) -> None:
        done(self.cache.drop(*(fact(number)[0] for number in numbers)))
        self.dropped = self.clock()
        self.kept.clear()
        self.facts.clear()

    @rule()
    def clear(self) -> None:
        done(self.cache.clear())
        self.dropped = self.clock()
        self.kept.clear()
        self.facts.clear()

    @rule(number=LINKS)
    def get(self, number: int) -> None:
        found = done(self.cache.get(fact(number)[0]))
        if found is not None:
            young = [known for known, since in self.facts[number] if self.clock() - since < SECONDS]
            assert found in young

    @precondition(lambda self: self.limit == 0)
    @rule(number=LINKS)
    def get_of_all(self, number: int) -> None:
        """Without a limit nothing else is forgotten."""
        if number in self.kept:
            self.fresh(number)

    @invariant()
    def bounded(self) -> None:
        assert not 0 < self.limit < len(self.cache)


TestRemembering = Remembering.TestCase
TestRemembering.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
