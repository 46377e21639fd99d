"""Redis as child processes on free loopback ports, and a wire to one that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import tools
from tests.support.ports import free_port
from tests.support.storeproxy import abort

START_SECONDS = 30.0


@dataclass
class RedisServer:
    """Not yet started. `options` are those of the command line; `client` what redis-cli needs to be let in."""

    folder: Path
    options: list[str] = field(default_factory=list)
    client: list[str] = field(default_factory=list)
    port: int = field(default_factory=free_port)
    program: str = "redis-server"
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Raises RuntimeError with the log when it does not answer."""
        tools.require("redis-server", "redis-cli")
        self.folder.mkdir(parents=True, exist_ok=True)
        port = [] if "--tls-port" in self.options else ["--port", str(self.port)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, *self.arguments(), *port, *self.options], stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.cli("PING") == "PONG":
                return
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"redis-server did not start:\n{(self.folder / 'log').read_text()[-4000:]}")

    def arguments(self) -> list[str]:
        return [
            *("--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "", "--appendonly", "no"),
            *("--loglevel", "warning"),
        ]

    def cli(self, *command: str) -> str:
        """What redis-cli prints, errors too."""
        done = subprocess.run(
            ["redis-cli", "-p", str(self.port), *self.client, *command], capture_output=True, text=True
        )
        return (done.stdout or done.stderr).strip()

    def stored(self) -> list[str]:
        return self.cli("KEYS", "*").split()

    def suspend(self) -> None:
        """It takes connections and commands, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.process is not None:
            self._signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _signal(self, number: int) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)


class Sentinel(RedisServer):
    """Watches one master, by the name of "harbour"."""

    def watch(self, master: RedisServer) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "sentinel.conf").write_text(
            f"dir {self.folder}\nsentinel monitor harbour 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds harbour 1000\nsentinel failover-timeout harbour 2000\n"
        )

    def arguments(self) -> list[str]:
        return [str(self.folder / "sentinel.conf"), "--sentinel", "--bind", "127.0.0.1"]


@contextlib.contextmanager
def running(server: RedisServer) -> Iterator[RedisServer]:
    server.start()
    try:
        yield server
    finally:
        server.kill()


class Wire:
    """A way to a server that can be cut, while the server goes on for others."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._ways: set[asyncio.StreamWriter] = set()
        self._listener: asyncio.Server | None = None

    async def join(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def cut(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        while self._ways:
            for way in list(self._ways):
                abort(way.transport)
            await asyncio.sleep(0.01)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Also one that has not come through yet is cut.
        self._ways.add(writer)
        ways = {writer}
        try:
            beyond_reader, beyond_writer = await asyncio.open_connection("127.0.0.1", self._target)
            ways.add(beyond_writer)
            self._ways |= ways
            await asyncio.gather(self._copy(reader, beyond_writer), self._copy(beyond_reader, writer))
        finally:
            self._ways -= ways

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
        writer.close()
