"""Real registries as child processes, on free loopback ports: ours, or the reference implementation.

A test says what it needs (`with moorage(tmp_path) as server: ...`) and gets an address that answers.
The process under test is a parameter, so that the same script can measure and compare both.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tests.support import forking
from tests.support.forking import Running
from tests.support.listening import spawned
from tests.support.ports import free_port, listened_on

START_SECONDS = 30.0

AS_ALWAYS = re.compile(r"listens on|server stops, |server has stopped")
"""In the lines that every server of ours writes when it starts and stops."""


@dataclass
class Server:
    """A registry process. `root` is the driver's root directory, `log` what it wrote to stderr and stdout."""

    command: list[str]
    port: int
    root: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: Running | None = None
    measured: bool = False
    """Whether its memory is looked at. Then it is started like a user's: what is forked off has in memory whatever any test needs."""

    forks: ClassVar[bool] = True
    """Whether Moorage is forked off a process that has loaded it. It does not know of variables that Python reads when it starts."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start, and return once `GET /v2/` answers; raises RuntimeError with the log otherwise."""
        process = self.launch()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                with contextlib.closing(connection):
                    connection.request("GET", "/v2/")
                    if connection.getresponse().status in (200, 401):
                        return
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"{self.command} did not start:\n{self.log.read_text(errors='replace')[-4000:]}")

    def launch(self) -> Running:
        """Start, without waiting for anything."""
        environment = {"OTEL_TRACES_EXPORTER": "none", **self.environment}
        program, *arguments = self.command
        fresh = any(name.startswith("PYTHON") for name in self.environment)
        if self.forks and not self.measured and not fresh and [program] == moorage_command():
            self.process = forking.server(arguments, {**os.environ, **environment}, self.log)
        else:
            self.process = spawned(self.command, self.log, environment)
        return self.process

    def stop(self, seconds: float = 20.0) -> int:
        """SIGTERM, then wait; the exit status. A server that does not stop in time is killed and fails."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            self.process = None

    def kill(self) -> None:
        """kill -9 of the server and all its workers (they share a process group of their own), which are dead some time later."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        deadline = time.monotonic() + START_SECONDS
        while listened_on(self.port):
            assert time.monotonic() < deadline, f"the killed workers still listen on {self.port}"
            time.sleep(0.005)

    def pids(self) -> list[int]:
        """The server's process and all its descendants."""
        found = [self.pid]
        for pid in found:
            children = Path(f"/proc/{pid}/task/{pid}/children")
            with contextlib.suppress(OSError):
                found += [int(child) for child in children.read_text().split()]
        return found

    def rss_bytes(self) -> int:
        """Resident memory of all processes, in bytes."""
        pages = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def moorage_command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("moorage")), *arguments]


def moorage_server(
    folder: Path, *, root: Path | None = None, extra: str = "", environment: Mapping[str, str] | None = None
) -> Server:
    """A Moorage server, not yet started. `extra` is YAML put below the keys of `http:`."""
    folder.mkdir(parents=True, exist_ok=True)
    root = root or folder / "data"
    port = free_port()
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\n"
        "log:\n  level: info\n"
        "storage:\n"
        f"  filesystem:\n    rootdirectory: {root}\n"
        "  delete:\n    enabled: true\n"
        # It would begin at a moment within the first hour that nobody knows, and be seen in logs and counts.
        "  maintenance:\n    uploadpurging:\n      enabled: false\n"
        "http:\n"
        f"  addr: 127.0.0.1:{port}\n{extra}"
    )
    return Server(
        moorage_command("serve", str(config)), port, root, folder / "moorage.log", environment or {}
    )


def reference_server(
    folder: Path, *, root: Path | None = None, command: str = "docker-registry", log_level: str = "error"
) -> Server:
    """The reference implementation, not yet started: Debian's docker-registry 2.8.2, or a v3 binary."""
    folder.mkdir(parents=True, exist_ok=True)
    root = root or folder / "data"
    port = free_port()
    config = folder / "reference.yml"
    config.write_text(
        "version: 0.1\n"
        f"log:\n  level: {log_level}\n  accesslog:\n    disabled: true\n"
        "storage:\n"
        f"  filesystem:\n    rootdirectory: {root}\n"
        "  cache:\n    blobdescriptor: inmemory\n"
        "  delete:\n    enabled: true\n"
        "  maintenance:\n    uploadpurging:\n      enabled: false\n"
        "http:\n"
        f"  addr: 127.0.0.1:{port}\n  secret: a-secret-for-tests\n"
    )
    return Server([command, "serve", str(config)], port, root, folder / "reference.log")


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """Started on entry; on exit stopped with SIGTERM, or killed when that fails."""
    server.start()
    try:
        yield server
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.stop()
        server.kill()
