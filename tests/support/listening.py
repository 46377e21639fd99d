"""Programs that serve on a loopback port while a context lasts."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.support.tools import HINT, absent, find

START_SECONDS = 60.0
STOP_SECONDS = 10.0
LOG_CHARACTERS = 4000


def program(name: str, *folders: Path) -> str:
    """The path of a program: in the environment's own folder, in `folders` or on the path; `absent` where it is not."""
    for folder in (Path(sys.executable).parent, *folders):
        if os.access(folder / name, os.X_OK):
            return str(folder / name)
    found = find(name)
    if found is None:
        absent(f"needs {name}: {HINT}")
    return found


def spawned(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A process in a group of its own, with more variables, that appends to `log` whatever it writes."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
            start_new_session=True,
        )


@contextlib.contextmanager
def listening(
    command: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """The command runs and its port takes connections; it is stopped with all its children in the end.

    Raises RuntimeError with the end of what it wrote to `log` when it does not get there.
    """
    process = spawned(command, log, environment or {})
    try:
        if not _ready(process, port):
            written = log.read_text(errors="replace")[-LOG_CHARACTERS:]
            raise RuntimeError(f"{' '.join(command)} does not listen on port {port}:\n{written}")
        yield
    finally:
        _stop(process)


def _ready(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
        time.sleep(0.02)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    # Whatever is left of it shares its process group.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
