"""Servers and commands that are forked off a process which has loaded Moorage already: loading it takes longer than most tests.

What runs is what the command runs, in a process with a session, an environment and files of its own. Tests of the command itself
start it as anybody would.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.support.preloaded", __name__])


class Running(Protocol):
    """A process as `subprocess` shows it."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...


class Streams(NamedTuple):
    """The files of a process. What it writes is appended to them."""

    stdin: str
    stdout: str
    stderr: str


class Forked:
    """`moorage ARGUMENTS` with the whole of `environment`."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], streams: Streams) -> None:
        self._arguments = arguments
        self._process = _forks.Process(target=_run, args=(list(arguments), dict(environment), streams))
        self._process.start()
        # Until it leads a group of its own, the group cannot be killed.
        with contextlib.suppress(ProcessLookupError):
            while os.getpgid(self.pid) != self.pid:
                time.sleep(0.001)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        status = self.poll()
        if status is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(list(self._arguments), timeout)
        return status

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


def server(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Forked:
    return Forked(arguments, environment, Streams(os.devnull, str(log), str(log)))


def command(
    *arguments: str, given: str = "", seconds: float = 60.0, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`moorage ARGUMENTS` with more variables, once it has ended. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory() as folder:
        streams = Streams(*(f"{folder}/{name}" for name in Streams._fields))
        Path(streams.stdin).write_text(given)
        process = Forked(arguments, {**os.environ, **(environment or {})}, streams)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            raise
        written = [Path(path).read_text() for path in streams[1:]]
    return subprocess.CompletedProcess(["moorage", *arguments], status, *written)


def _run(arguments: list[str], environment: Mapping[str, str], streams: Streams) -> None:
    os.setsid()
    # What the test process ignores or blocks is its own affair.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    appending = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    for target, path in enumerate(streams):
        source = os.open(path, appending if target else os.O_RDONLY, 0o666)
        os.dup2(source, target)
        os.close(source)
    # That of multiprocessing's children is another one.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["moorage", *arguments]
    from moorage.cli import main

    main()
