"""Many small requests, as fast as the answers come: what wrk does, but with HEAD and mixed methods too."""

from __future__ import annotations

import asyncio
from array import array
from itertools import cycle
from time import perf_counter
from typing import cast

from benchmarks.load.connection import HEAD_END, parse_head
from benchmarks.load.specs import Mix, Outcome, Request, outcome


class _Tally:
    """What all clients share: the next request, the clock and the counts."""

    def __init__(self, spec: Mix) -> None:
        requests = [(r.raw, str(r.status).encode(), r.body) for r in spec.requests]
        self.requests = iter(requests) if spec.once else cycle(requests)
        self.latencies = array("d")
        self.bytes = 0
        self.failures: list[str] = []
        self.begun = perf_counter()
        self.deadline = self.begun + spec.target.seconds


class _Client(asyncio.Protocol):
    """Callbacks instead of coroutines: half the processor time per request."""

    def __init__(self, tally: _Tally) -> None:
        self.tally = tally
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's has its methods, but not its name.
        self.send()

    def send(self) -> None:
        following = next(self.tally.requests, None)
        if following is None:
            return self.finish()
        raw, self.status, self.has_body = following
        self.sent_at = perf_counter()
        self.transport.write(raw)

    def data_received(self, data: bytes) -> None:
        data = self.received + data if self.received else data
        if not self.is_whole(data):
            self.received = data
            return
        self.received = b""
        now = perf_counter()
        self.record(data, now)
        if now < self.tally.deadline:
            self.send()
        else:
            self.finish()

    def is_whole(self, data: bytes) -> bool:
        if not self.has_body:
            return data.endswith(HEAD_END)
        head, found, body = data.partition(HEAD_END)
        return bool(found) and len(body) >= int(parse_head(head)[1].get("content-length", "0"))

    def record(self, data: bytes, now: float) -> None:
        self.tally.latencies.append(now - self.sent_at)
        self.tally.bytes += len(data)
        if data[9:12] != self.status:
            self.tally.failures.append(f"status {data[9:12]!r} instead of {self.status!r}: {data[:300]!r}")

    def finish(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.tally.failures.append(f"the server closed a connection: {exc}")
            self.ended.set_result(None)


async def run(spec: Mix) -> Outcome:
    tally = _Tally(spec)
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: _Client(tally), "127.0.0.1", spec.target.port))[1]
        for _ in range(spec.target.clients)
    ]
    await asyncio.gather(*(client.ended for client in clients))
    return outcome(list(tally.latencies), tally.bytes, perf_counter() - tally.begun, tally.failures)


def request(raw: bytes, status: int = 200) -> Request:
    """A request whose answer has a body unless its method or status says otherwise (RFC 9110, 6.4.1)."""
    return Request(raw, status, body=not raw.startswith(b"HEAD ") and status not in (204, 304))
