"""Hundreds of pulls or pushes at the same time, from one process with one event loop.

Contents are compared as they come, slice by slice, with the bytes that were pushed: that says as much as
their digest and costs the machine less.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.client import Client, with_digest
from tests.faults.wire import request_bytes, request_head

READ_BYTES = 256 << 10
STALL_BYTES = 64 << 10
PATIENCE_SECONDS = 300.0


@dataclass
class CrowdResult:
    """How many transfers were right, and what went wrong with the others."""

    right: int = 0
    faults: list[str] = field(default_factory=list)


def blob_bytes(size: int) -> bytes:
    """The bytes of the blob that a crowd pulls; the same in every process."""
    return random.Random(size).randbytes(size)


def pull_crowd(port: int, target: str, size: int, pulls: int, stalled: Path, drain: Path) -> CrowdResult:
    """Begin `pulls` downloads and read only their headers; touch `stalled`, wait for `drain`, read the rest."""
    return asyncio.run(_pull_crowd(port, target, blob_bytes(size), pulls, stalled, drain))


async def _pull_crowd(
    port: int, target: str, blob: bytes, pulls: int, stalled: Path, drain: Path
) -> CrowdResult:
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(pulls):
        connections.append(await _begin_pull(port, target))
    stalled.touch()
    deadline = loop.time() + PATIENCE_SECONDS
    while not drain.exists() and loop.time() < deadline:
        await asyncio.sleep(0.05)
    result = CrowdResult()
    for fault in await asyncio.gather(*(_finish_pull(connection, blob) for connection in connections)):
        if fault:
            result.faults.append(fault)
        else:
            result.right += 1
    return result


async def _begin_pull(port: int, target: str) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STALL_BYTES)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, ("127.0.0.1", port))
    await loop.sock_sendall(connection, request_bytes("GET", target))
    return connection


async def _finish_pull(connection: socket.socket, blob: bytes) -> str:
    """Read the answer to its end; what is wrong with it."""
    with connection:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await _compare(connection, memoryview(blob))
        except (OSError, TimeoutError) as error:
            return repr(error)


async def _compare(connection: socket.socket, blob: memoryview) -> str:
    loop = asyncio.get_running_loop()
    head = b""
    while b"\r\n\r\n" not in head:
        if not (data := await loop.sock_recv(connection, 4096)):
            return f"closed within the header: {head[:200]!r}"
        head += data
    status, _, rest = head.partition(b"\r\n\r\n")
    if not status.startswith(b"HTTP/1.1 200 "):
        return status.decode("latin-1")[:200]
    data, offset = rest, 0
    while data:
        if blob[offset : offset + len(data)] != data:
            return f"wrong bytes at {offset}"
        offset += len(data)
        data = await loop.sock_recv(connection, READ_BYTES) if offset < len(blob) else b""
    return "" if offset == len(blob) else f"ended after {offset} of {len(blob)} bytes"


def push_crowd(port: int, name: str, size: int, numbers: range) -> CrowdResult:
    """Push one blob of `size` bytes for each number, all at the same time."""
    return asyncio.run(_push_crowd(port, name, blob_bytes(size), numbers))


async def _push_crowd(port: int, name: str, common: bytes, numbers: range) -> CrowdResult:
    hasher = hashlib.sha256(common)
    with Client(port) as client:
        targets = [(number, client.start_upload(name)) for number in numbers]
    result = CrowdResult()
    for fault in await asyncio.gather(
        *(_push(port, target, common, hasher.copy(), number) for number, target in targets)
    ):
        if fault:
            result.faults.append(fault)
        else:
            result.right += 1
    return result


async def _push(port: int, target: str, common: bytes, hasher: hashlib._Hash, number: int) -> str:
    """One upload in one PUT, its own by its last bytes; what went wrong."""
    tail = number.to_bytes(8, "big")
    hasher.update(tail)
    target = with_digest(target, f"sha256:{hasher.hexdigest()}")
    head = request_head(
        "PUT", target, {"Content-Length": str(len(common) + len(tail)), "Connection": "close"}
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            view = memoryview(common)
            writer.write(head)
            for start in range(0, len(view), READ_BYTES):
                writer.write(view[start : start + READ_BYTES])
                await writer.drain()
            writer.write(tail)
            answer = await reader.read()
            writer.close()
    except (OSError, TimeoutError) as error:
        return repr(error)
    return "" if answer.startswith(b"HTTP/1.1 201 ") else answer.decode("latin-1")[:300]


def wait_for(path: Path) -> None:
    """Until another process has made `path`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody made {path}")
        time.sleep(0.05)
