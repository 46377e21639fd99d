"""Clients that hold connections and do nothing useful with them, and one good client beside them.

Each runs in a process of its own, so that holding thousands of sockets does not slow down the good one.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

from tests.faults.images import digest_of
from tests.faults.processes import open_connections
from tests.faults.wire import Wire, request_bytes, request_head

POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Behaviour:
    """What a bad client does after connecting: send `opening`, then nothing, or one byte a second.

    They come `per_second` at a time, so that the load is what is held and not the opening of it.
    """

    opening: bytes
    reads_answer: bool = False
    drips: bool = False
    receive_buffer: int = 0
    per_second: int = 400


@dataclass(frozen=True)
class Held:
    """How many connections were opened, how many the server still held at the end, and after how long
    the last of the others was gone."""

    opened: int
    still_open: int
    seconds: float


def half_an_upload(name: str) -> bytes:
    """The beginning of an upload in one request, so that each connection has a session of its own."""
    target = f"/v2/{name}/blobs/uploads/?digest={digest_of(b'never sent')}"
    headers = {"Content-Type": "application/octet-stream", "Content-Length": "1000000"}
    return request_head("POST", target, headers) + b"x" * 100


def hold(port: int, behaviours: Sequence[Behaviour], count: int, patience_seconds: float, stop: Path) -> Held:
    """Open `count` connections, with several behaviours by turns, and wait until the server has closed them all, in vain for at
    most `patience_seconds` after the last was opened, or until `stop` exists."""
    os.nice(10)
    wires = _open(port, behaviours, count)
    ports = {wire.socket.getsockname()[1] for wire in wires}
    began = time.monotonic()
    dripped = began
    while (left := len(ports & open_connections(port))) and time.monotonic() - began < patience_seconds:
        if stop.exists():
            break
        if any(one.drips for one in behaviours) and time.monotonic() - dripped >= 1.0:
            dripped = time.monotonic()
            _drip(wires)
        time.sleep(POLL_SECONDS)
    for wire in wires:
        wire.close()
    return Held(len(wires), left, time.monotonic() - began)


def _open(port: int, behaviours: Sequence[Behaviour], count: int) -> list[Wire]:
    due = time.monotonic()
    wires = []
    for behaviour in islice(cycle(behaviours), count):
        wire = Wire(port, receive_buffer=behaviour.receive_buffer)
        wire.send(behaviour.opening)
        if behaviour.reads_answer:
            wire.receive()
        wires.append(wire)
        due += 1 / behaviour.per_second
        time.sleep(max(0.0, due - time.monotonic()))
    return wires


def _drip(wires: list[Wire]) -> None:
    for wire in wires:
        with contextlib.suppress(OSError):
            wire.send(b"x")


@dataclass
class Served:
    """What the good client got: answers in time, and what was wrong with each of the others."""

    in_time: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.in_time + len(self.faults)


def good_gets(port: int, target: str, limit_seconds: float, stop: Path) -> Served:
    """GET `target` on a new connection each time, at most a hundred times a second, until `stop` exists."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    served = Served()
    while not stop.exists():
        began = time.monotonic()
        try:
            with Wire(port, timeout=10.0) as wire:
                wire.send(request_bytes("GET", target))
                fault = "" if (answer := wire.receive()).status == 200 else str(answer)
        except OSError as error:
            fault = repr(error)
        seconds = time.monotonic() - began
        if not fault and seconds > limit_seconds:
            fault = f"answered after {seconds * 1000:.0f} ms"
        if fault:
            served.faults.append(fault)
        else:
            served.in_time += 1
        time.sleep(max(0.0, 0.01 - seconds))
    return served
