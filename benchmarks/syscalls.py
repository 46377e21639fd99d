"""Counts the system calls of a server that touch its storage, with strace, while something is done to it."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.server import Server

SYNC_CALLS = frozenset({"fsync", "fdatasync", "syncfs", "sync", "sync_file_range", "msync"})
ATTACH_SECONDS = 10.0
# Calls on an open file that ask nothing of the file system: an event loop makes them for every descriptor.
EVENT_CALLS = frozenset({"epoll_ctl", "epoll_wait", "epoll_pwait", "poll", "ppoll", "fcntl", "ioctl"})
CALL = re.compile(r"^\d+ +(?P<name>\w+)\(")


class NotCounted(Exception):
    """strace is not there or may not look; the message says why."""


@dataclass
class StorageCalls:
    by_name: Counter[str] = field(default_factory=Counter)

    @property
    def syncs(self) -> int:
        return sum(count for name, count in self.by_name.items() if name in SYNC_CALLS)

    @property
    def all(self) -> int:
        return self.by_name.total()


@contextlib.contextmanager
def counting(server: Server, trace: Path) -> Iterator[StorageCalls]:
    """The counts are filled in at the end. Only calls that name a path below the server's root count."""
    if not shutil.which("strace"):
        raise NotCounted("strace is not installed")
    pids = [f"--attach={pid}" for pid in server.pids()]
    command = ["strace", "-f", "-y", "-s", "0", "-e", "trace=%file,%desc,sync", "-o", str(trace), *pids]
    calls = StorageCalls()
    with subprocess.Popen(command, stderr=subprocess.PIPE) as strace:
        try:
            _wait_until_attached(server, strace)
            yield calls
        finally:
            strace.send_signal(signal.SIGINT)  # It lets go of the server and writes its file.
            strace.wait()
    with trace.open(errors="replace") as lines:
        calls.by_name.update(_calls(lines, str(server.root)))


def _calls(lines: Iterable[str], root: str) -> Iterator[str]:
    for line in lines:
        found = CALL.match(line)
        if found and found["name"] not in EVENT_CALLS and (root in line or found["name"] == "sync"):
            yield found["name"]


def _wait_until_attached(server: Server, strace: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + ATTACH_SECONDS
    while not all(map(_is_traced, server.pids())):
        if strace.poll() is not None or time.monotonic() > deadline:
            reason = strace.stderr.read(500).decode(errors="replace") if strace.stderr else ""
            raise NotCounted(f"strace could not attach: {reason.strip()}")
        time.sleep(0.05)


def _is_traced(pid: int) -> bool:
    statuses = [task / "status" for task in Path(f"/proc/{pid}/task").iterdir()]
    return all("TracerPid:\t0" not in status.read_text() for status in statuses)
