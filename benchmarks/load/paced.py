"""A fixed rate of requests. A closed loop would stop asking while the server stalls, and so hide the stall."""

from __future__ import annotations

import asyncio
import contextlib
import os
from itertools import cycle
from time import perf_counter

from benchmarks.load.connection import Connection, UnexpectedAnswer
from benchmarks.load.specs import Outcome, Paced, Request, outcome

# Above the other clients of the same machine: what is measured is the wait in the server, not ours for a core.
NICENESS = -10


class _Pace:
    def __init__(self, spec: Paced) -> None:
        self.spec = spec
        self.idle: asyncio.Queue[Connection] = asyncio.Queue()
        self.latencies: list[float] = []
        self.failures: list[str] = []

    async def ask(self, request: Request, due: float) -> None:
        connection = await self.idle.get()
        try:
            answer = await connection.exchange_request(request)
            if request.status or answer.status >= 500:
                answer.expect(request.status, "a paced request")
        except (UnexpectedAnswer, OSError) as error:
            self.failures.append(str(error))
            connection = await Connection(self.spec.target.port).open()
        self.latencies.append(perf_counter() - due)
        self.idle.put_nowait(connection)

    async def run(self) -> Outcome:
        for _ in range(self.spec.target.clients):
            self.idle.put_nowait(await Connection(self.spec.target.port).open())
        requests, begun = cycle(self.spec.requests), perf_counter()
        async with asyncio.TaskGroup() as asking:
            for number in range(int(self.spec.rate * self.spec.target.seconds)):
                due = begun + number / self.spec.rate
                await asyncio.sleep(max(0.0, due - perf_counter()))
                asking.create_task(self.ask(next(requests), due))
        return outcome(self.latencies, 0, perf_counter() - begun, self.failures)


async def run(spec: Paced) -> Outcome:
    with contextlib.suppress(PermissionError):
        os.nice(NICENESS)
    return await _Pace(spec).run()
