"""Two processes with one cache, and a collector, in any order of steps: no answer tells of what was removed."""

from __future__ import annotations

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from moorage.store.blobstore import Blob
from moorage.store.descriptors.memory import MemoryDescriptors
from moorage.store.descriptors.trust import TRUST_SECONDS, Watched
from tests.store.descriptors.facts import KNOWN, LINK, Clock

MARGIN = 0.5
DEAD_SECONDS = 5 * TRUST_SECONDS
PROCESSES = st.integers(0, 1)


class Collecting(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = Clock()
        self.there = True
        self.text = ""
        self.collections = 0
        self.beats = 0
        self.alive = False
        self.announced = 0.0
        self.answering = True
        self.answers = asyncio.Event()
        shared = MemoryDescriptors(clock=self.clock)
        self.processes = [
            Watched(shared, self.collection, dead_seconds=DEAD_SECONDS, clock=self.clock) for _ in range(2)
        ]
        self.gets: list[asyncio.Task[Blob | None]] = []

    async def collection(self) -> str:
        text = self.text
        while not self.answering:
            await self.answers.wait()
        return text

    def step(self) -> None:
        """Let all that can go on do so; nothing changes in the storage meanwhile."""

        async def settle() -> None:
            for _ in range(12):
                await asyncio.sleep(0)

        self.runner.run(settle())
        for get in [get for get in self.gets if get.done()]:
            assert get.result() is None or self.there
            self.gets.remove(get)

    def teardown(self) -> None:
        async def close() -> None:
            for get in self.gets:
                get.cancel()
            for process in self.processes:
                await process.close()

        self.runner.run(close())
        self.runner.close()

    @rule(seconds=st.sampled_from([1.0, TRUST_SECONDS, 3 * TRUST_SECONDS]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        if self.alive:
            self.beat()
        self.step()

    def beat(self) -> None:
        self.beats += 1
        self.text = f"running {self.collections} {self.beats}"

    @rule(process=PROCESSES)
    def get(self, process: int) -> None:
        async def begin() -> None:
            self.gets.append(asyncio.create_task(self.processes[process].get(LINK)))

        self.runner.run(begin())
        self.step()

    @rule(process=PROCESSES, late=st.booleans())
    def push(self, process: int, late: bool) -> None:
        """What is pushed is put, if need be after all that a collection does."""
        self.get(process)
        self.clock.now += 0.1
        self.there, since = True, self.clock()
        if late:
            self.collect()
        self.runner.run(self.processes[process].put(LINK, KNOWN, since))
        self.step()

    @rule(answering=st.booleans())
    def marker_hangs_or_answers(self, answering: bool) -> None:
        self.answering = answering
        if answering:
            self.answers.set()
            self.answers = asyncio.Event()
        self.step()

    @precondition(lambda self: not self.alive)
    @rule()
    def announce(self) -> None:
        """Also after one that died."""
        self.alive = True
        self.collections += 1
        self.announced = self.clock()
        self.beat()

    @precondition(lambda self: self.alive)
    @rule(ends=st.booleans())
    def sweep(self, ends: bool) -> None:
        if self.clock() > self.announced + TRUST_SECONDS + MARGIN:
            self.there = False
        if ends:
            self.alive = False
            self.text = f"ended {self.collections}"
        self.step()

    @precondition(lambda self: self.alive)
    @rule()
    def die(self) -> None:
        self.alive = False

    @precondition(lambda self: not self.alive)
    @rule()
    def collect(self) -> None:
        if not self.alive:
            self.announce()
        self.wait(3 * TRUST_SECONDS)
        self.sweep(True)


TestCollecting = Collecting.TestCase
TestCollecting.settings = settings(max_examples=400, stateful_step_count=25, deadline=None)
