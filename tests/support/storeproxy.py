"""A proxy between a driver and its object store: it counts requests, delays and holds them, and breaks some on purpose.

Heads and bodies pass as they are, the Host header too, so signatures stay valid.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from weakref import WeakSet

from tests.support.dialects import Dialect
from tests.support.heads import Head, answer_body, read_head, request_body
from tests.support.storefaults import INSTEAD, PART, Fault, Faults, error_answer, refusal_answer

START_SECONDS = 10.0
HELD_SECONDS = 0.01
BACKLOG = 1024
# Of a store's own backlog no more may be taken: what is beyond it is reset.
ASKING = 64
# Of a request's body, for those who answer in the place of the store.
READ_BYTES = 1 << 20
# SO_LINGER with zero seconds: closing resets the connection, and what was not sent yet is dropped.
RESETTING = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Call:
    """`path` and `query` as on the request line, not decoded; `query` without its question mark. `part`: the Range header."""

    method: str
    path: str
    query: str
    part: str = ""
    head: Head = field(default=Head((b"",)), compare=False, repr=False)


class _Hold:
    def __init__(self, passing: int) -> None:
        self._left = passing
        self.reached = threading.Event()

    def stops(self) -> bool:
        """Whether one more is too many."""
        self._left -= 1
        if self._left < 0:
            self.reached.set()
        return self._left < 0


class StoreProxy:
    """Put `endpoint` in the place of the store's. `latency_seconds` and `faults` may change at any time.

    `calls` has every request in the order of arrival, retries of a client as well; `injected` every fault that took place.
    """

    def __init__(self, upstream: str, dialect: Dialect) -> None:
        parts = urlsplit(upstream)
        assert parts.hostname, f"{upstream} is no URL"
        self.latency_seconds = 0.0
        self.faults = Faults()
        self.calls: list[Call] = []
        self.injected: list[tuple[Call, Fault]] = []
        self._upstream = (parts.hostname, parts.port or 80)
        self._dialect = dialect
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        # Inherited by its connections. asyncio sets it only on sockets that name their protocol; without it, the body of an
        # answer waits 40 ms for the head's acknowledgement.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}{parts.path}"
        self._asking = asyncio.Semaphore(ASKING)
        self._connections: set[asyncio.Task[None]] = set()
        self._transports: WeakSet[asyncio.WriteTransport] = WeakSet()
        self._counts: list[list[Call]] = []
        self._hold: _Hold | None = None

    @contextlib.contextmanager
    def counted(self) -> Iterator[list[Call]]:
        """The requests that arrive within the block."""
        calls: list[Call] = []
        self._counts.append(calls)
        try:
            yield calls
        finally:
            # By identity: two lists that hold the same are equal.
            self._counts = [others for others in self._counts if others is not calls]

    @contextlib.contextmanager
    def holding(self, passing: int) -> Iterator[threading.Event]:
        """Of the requests that arrive within the block, so many pass; the others wait for its end. The event: the first waits."""
        self._hold = hold = _Hold(passing)
        try:
            yield hold.reached
        finally:
            self._hold = None

    async def serve(self, started: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._accept, sock=self._listener, backlog=BACKLOG)
        started.set()
        await stop.wait()
        # What was accepted a moment ago becomes a connection only now, and only while the server is open.
        asyncio.get_running_loop().remove_reader(self._listener)
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for connection in self._connections:
                connection.cancel()
            await asyncio.wait(others)
        server.close()
        # Those whose other side takes no more would stay open for ever, and be warned of in another test.
        for transport in list(self._transports):
            abort(transport)
        await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._transports.add(writer.transport)
        task = asyncio.get_running_loop().create_task(self._connection(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await read_head(reader)) and await self._exchange(request, reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # A client or a store that leaves; the other side sees its connection end.
        finally:
            writer.close()

    async def _exchange(
        self, request: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """One request and its answer; whether the connection can take another."""
        call = self._note(request)
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        await self._held()
        if refusal := self.faults.refused(request):
            await _say(lambda _: refusal_answer(refusal, request), request, reader, writer)
            return False
        fault = self.faults.draw(request)
        if fault in INSTEAD:
            self.injected.append((call, fault))
            await _instead(fault, request, reader, writer)
            return False
        if early := await self._dialect.early(request, *self._upstream):
            writer.write(early)
            await writer.drain()
            return False
        async with contextlib.AsyncExitStack() as ending:
            async with self._asking:
                store, sending = await self._ask(request, reader, ending)
                answer = await _final(store, writer)
            keeps = await self._answer(call, answer, fault, store, writer)
            return keeps and sending.done() and not request.closes

    async def _held(self) -> None:
        hold = self._hold
        if hold is None or not hold.stops():
            return
        while self._hold is hold:
            await asyncio.sleep(HELD_SECONDS)

    async def _ask(
        self, request: Head, reader: asyncio.StreamReader, ending: contextlib.AsyncExitStack
    ) -> tuple[asyncio.StreamReader, asyncio.Task[None]]:
        """Where the answer comes from, and the task that sends the request, on a connection of its own: a store may close
        one that it kept just when the next request is sent."""
        store, writer = await asyncio.open_connection(*self._upstream)
        self._transports.add(writer.transport)
        ending.callback(writer.close)
        sending = asyncio.create_task(_send(self._dialect.request(request), reader, writer))
        ending.push_async_callback(_ended, sending)
        return store, sending

    def _note(self, request: Head) -> Call:
        method, target, _ = request.start
        path, _, query = target.partition("?")
        call = Call(method, path, query, request.header("range"), request)
        for calls in (self.calls, *self._counts):
            calls.append(call)
        return call

    async def _answer(
        self,
        call: Call,
        answer: Head,
        fault: Fault | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Passes the answer on; whether the client's connection can take another request after it."""
        if fault is not None and (fault not in PART or answer.length):
            self.injected.append((call, fault))
        if fault is Fault.SLOW_ANSWER:
            await asyncio.sleep(self.faults.slow_seconds)
        if fault is Fault.LOST_ANSWER:
            _reset(writer)
            return False
        writer.write(bytes(self._dialect.answer(answer)))
        body = answer_body(answer, call.method, reader)
        if fault in PART and answer.length:
            await _write(_first(answer.length // 2, body), writer)
            if fault is Fault.CUT_OFF:
                _reset(writer)
            return False
        await _write(body, writer)
        framed = answer.chunked or answer.length is not None or answer.start[1] in ("204", "304")
        return framed and not answer.closes


async def _final(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Head:
    """The head of the final answer; interim ones, for clients that ask before they send a body, are passed on."""
    while True:
        answer = await read_head(reader)
        if answer is None:
            raise ConnectionResetError("the store left before it answered")
        if not answer.start[1].startswith("1"):
            return answer
        writer.write(bytes(answer))
        await writer.drain()


async def _send(request: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        writer.write(bytes(request))
        await _write(request_body(request, reader), writer)
    except (OSError, asyncio.IncompleteReadError):
        # Half a request gets no answer, and nobody waits for one.
        writer.close()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _write(body: AsyncIterator[bytes], writer: asyncio.StreamWriter) -> None:
    async for piece in body:
        writer.write(piece)
        await writer.drain()
    await writer.drain()


async def _first(length: int, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in body:
        yield piece[:length]
        length -= len(piece)
        if length <= 0:
            return


async def _instead(
    fault: Fault, request: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if fault is Fault.RESET:
        _reset(writer)
    elif fault is Fault.SILENCE:
        while await reader.read(1 << 16):
            pass
    else:
        await _say(lambda body: error_answer(fault, request, body), request, reader, writer)


async def _say(
    answer: Callable[[bytes], bytes],
    request: Head,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """What `answer` makes of the beginning of the body. Who asks before it sends need not send; from all others the body is
    taken, or closing would reset the connection and with it the answer."""
    body = b""
    if not request.header("expect"):
        async for piece in request_body(request, reader):
            body += piece if len(body) < READ_BYTES else b""
    writer.write(answer(body))
    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETTING)
    writer.transport.abort()


def abort(transport: asyncio.WriteTransport) -> None:
    """End it, if it still is open. One that was closed with bytes left to send, and has sent them since, fails to be aborted."""
    if transport.get_extra_info("socket").fileno() >= 0:
        transport.abort()


@contextlib.contextmanager
def proxying(upstream: str, dialect: Dialect | None = None) -> Iterator[StoreProxy]:
    """A proxy in front of the store at the URL `upstream`, on a thread of its own, so that a test may block."""
    proxy = StoreProxy(upstream, dialect or Dialect())
    started, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(proxy.serve(started, stop),), daemon=True)
    thread.start()
    try:
        assert started.wait(START_SECONDS), "the proxy did not start"
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
