"""Large uploads, in one PUT or in chunks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import perf_counter

from benchmarks.load.connection import Connection, UnexpectedAnswer
from benchmarks.load.payload import Payload
from benchmarks.load.restart import Operator
from benchmarks.load.specs import Blobs, Outcome, milliseconds, outcome

OCTETS = {"Content-Type": "application/octet-stream"}


def with_digest(target: str, digest: str) -> str:
    return f"{target}{'&' if '?' in target else '?'}digest={digest}"


async def start_upload(connection: Connection, repository: str) -> str:
    """The request target of a new upload session."""
    answer = await connection.send("POST", f"/v2/{repository}/blobs/uploads/")
    return answer.expect(202, "POST of an upload").target


async def progress(connection: Connection, target: str) -> tuple[str, int]:
    """Where an upload session goes on, and how many bytes the server has of it; raises UnexpectedAnswer."""
    answer = (await connection.send("GET", target)).expect(204, "GET of an upload's status")
    last = answer.headers.get("range", "").rpartition("-")[2]
    if not last.isdecimal():
        raise UnexpectedAnswer(f"GET of an upload's status: no range in {dict(answer.headers)}")
    return answer.target, int(last) + 1


class _Uploader:
    """The uploads of all clients, and the times of their parts in seconds."""

    def __init__(self, spec: Blobs) -> None:
        self.spec = spec
        self.payload = Payload.of_file(Path(spec.payload), spec.size)
        self.operator = Operator(spec.restart) if spec.restart else None
        self.whole: list[float] = []
        self.chunks: list[float] = []
        self.finals: list[float] = []
        self.rates: list[float] = []
        self.failures: list[str] = []
        self.begun = perf_counter()

    @property
    def sent_bytes(self) -> int:
        return len(self.whole) * self.spec.size

    async def client(self, number: int) -> None:
        """Upload one after the other; a rate per client, for the last ones end at different times."""
        connection = await Connection(self.spec.target.port).open()
        begun, count = perf_counter(), 0
        try:
            while perf_counter() - begun < self.spec.target.seconds and self.sent_bytes < self.spec.limit:
                await self.upload(connection, f"bench/upload-{number}")
                count += 1
        except (UnexpectedAnswer, OSError) as error:
            self.failures.append(str(error))
        finally:
            connection.close()
        self.rates.append(count * self.spec.size / (perf_counter() - begun))

    async def upload(self, connection: Connection, repository: str) -> None:
        tail, digest = self.payload.fresh()
        begun = perf_counter()
        target = await start_upload(connection, repository)
        if self.spec.streamed:
            answer = await connection.stream("PATCH", target, OCTETS, self.payload.body, tail)
            await self.finish(connection, answer.expect(202, "PATCH of a stream").target, digest)
        elif self.spec.chunk:
            await self.in_chunks(connection, target, tail, digest)
        else:
            answer = await connection.send(
                "PUT", with_digest(target, digest), OCTETS, self.payload.body, tail
            )
            answer.expect(201, "PUT of a blob")
        self.whole.append(perf_counter() - begun)

    async def in_chunks(self, connection: Connection, target: str, tail: bytes, digest: str) -> None:
        start = 0
        if self.operator:
            target = await self.send_chunks(connection, target, range(self.operator.after), tail)
            await self.operator.restart()
            await connection.reopen()
            target, start = await progress(connection, target)
        target = await self.send_chunks(connection, target, range(start, self.spec.size), tail)
        await self.finish(connection, target, digest)

    async def finish(self, connection: Connection, target: str, digest: str) -> None:
        begun = perf_counter()
        answer = await connection.send("PUT", with_digest(target, digest))
        answer.expect(201, "PUT that ends an upload")
        self.finals.append(perf_counter() - begun)

    async def send_chunks(self, connection: Connection, target: str, span: range, tail: bytes) -> str:
        """Send these bytes of the content; where the session goes on."""
        for start in span[:: self.spec.chunk]:
            end = min(start + self.spec.chunk, span.stop)
            parts = (self.payload.body[start:end], tail if end == self.spec.size else b"")
            begun = perf_counter()
            answer = await connection.send(
                "PATCH", target, {**OCTETS, "Content-Range": f"{start}-{end - 1}"}, *parts
            )
            target = answer.expect(202, f"PATCH from {start}").target
            self.chunks.append(perf_counter() - begun)
        return target


async def run(spec: Blobs) -> Outcome:
    uploader = _Uploader(spec)
    await asyncio.gather(*(uploader.client(number) for number in range(spec.target.clients)))
    parts = milliseconds("chunk", uploader.chunks) | milliseconds("final", uploader.finals)
    rate = sum(uploader.rates)
    seconds = uploader.sent_bytes / rate if rate else perf_counter() - uploader.begun
    found = outcome(uploader.whole, uploader.sent_bytes, seconds, uploader.failures)
    found.extra = parts
    return found
