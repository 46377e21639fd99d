"""A launcher whose own work fails whenever it is woken up; the argument is the port."""

from __future__ import annotations

import multiprocessing
import socket
import sys
from collections.abc import Callable
from typing import NoReturn

from granian.constants import Interfaces, Loops
from starlette.types import ASGIApp, Receive, Scope, Send

from moorage.server import signals
from moorage.server.launcher import Launcher
from moorage.server.worker import Duties


def build(started: Callable[[], None]) -> ASGIApp:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})
            started()
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return application


def fail() -> NoReturn:
    raise LookupError("nobody foresaw this")


if __name__ == "__main__":
    multiprocessing.set_start_method("fork", force=True)
    signals.hold_in_new_workers()
    port = int(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", port))
    duties = Duties(build, port, header_seconds=1.0, drain_seconds=1.0, reaps=False, retires=False)
    Launcher(
        [listener],
        duties,
        None,
        fail,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        websockets=False,
        workers=2,
        workers_kill_timeout=5,
    ).serve(target_loader=fail, wrap_loader=False)
