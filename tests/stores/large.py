"""Uploads of sizes that nobody has in memory."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.faults.wire import Answer, Wire, request_head
from tests.support.server import Server
from tests.support.sparse import stamped

SECONDS = 900.0


def sent(
    server: Server,
    method: str,
    target: str,
    start: int,
    stop: int,
    *,
    chunked: bool = False,
    hasher: hashlib._Hash | None = None,
) -> Answer:
    """A request whose body are the `stamped` bytes `[start, stop)`, and its answer. They are hashed on the way if asked."""
    length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(stop - start)}
    given = {"Content-Range": f"{start}-{stop - 1}"} if method == "PATCH" and not chunked else {}
    with Wire(server.port, SECONDS) as wire:
        wire.send(request_head(method, target, length | given))
        for piece in stamped(start, stop):
            wire.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if hasher is not None:
                hasher.update(piece)
        if chunked:
            wire.send(b"0\r\n\r\n")
        return wire.receive()


def peak_bytes(server: Server) -> int:
    """The most resident memory that any process of the server ever had."""
    peaks = []
    for pid in server.pids():
        status = Path(f"/proc/{pid}/status").read_text()
        peaks.append(int(status.partition("VmHWM:")[2].split()[0]) << 10)
    return max(peaks)
