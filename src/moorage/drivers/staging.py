"""Atomic writes of small files: under temporary names first, synced together, then renamed one by one.

A power cut at any moment leaves each target either as it was or as it is to be.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

from moorage.drivers.disk import Disk
from moorage.drivers.folders import Changed, Folders, Seen

TEMPORARY: Final = ".moorage/tmp"
"""Below the root: the folder of files that are being written. What a crash leaves there is removed at the next start."""

ABANDONED_SECONDS: Final = 3600.0
"""At this age, a temporary file of another machine or container counts as left behind."""

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class Staging:
    """A context manager for atomic writes: `add` files, `sync`, then `publish`. Files that were not published are removed at
    the end. Raises OSError with the `filename` of the target."""

    def __init__(self, disk: Disk, folders: Folders, root: str) -> None:
        self._disk = disk
        self._folders = folders
        self._root = root
        self._waiting: deque[tuple[str, str]] = deque()
        self._unsynced: list[tuple[int, str]] = []
        self.seen: Seen = {}

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._unsynced:
            with contextlib.suppress(OSError):
                self._disk.close(self._unsynced.pop()[0])
        for temporary, _ in self._waiting:
            with contextlib.suppress(OSError):
                self._disk.unlink(temporary)

    def add(self, target: str, data: bytes) -> None:
        """Write a file under a temporary name; `target` is the real path that it is to have."""
        temporary = temporary_path(self._root)
        fd = self._folders.within(temporary, lambda: self._disk.open(temporary, _CREATE, 0o666))
        self._unsynced.append((fd, target))
        self._waiting.append((temporary, target))
        self._disk.write(fd, [data])

    def sync(self) -> None:
        """Make the contents durable. All of them are sent to the device before the first wait, so several cost little more
        than one."""
        if len(self._unsynced) > 1:
            for fd, _ in self._unsynced:
                self._disk.begin_writing(fd, 0, 0)
        while self._unsynced:
            fd, target = self._unsynced[-1]
            with naming(target):
                self._disk.fsync(fd)
                self._unsynced.pop()
                self._disk.close(fd)

    def close(self) -> None:
        """Instead of `sync`: what is in the files is durable elsewhere."""
        while self._unsynced:
            fd, target = self._unsynced.pop()
            with naming(target):
                self._disk.close(fd)

    def publish(self, count: int | None = None, changed: Changed | None = None) -> None:
        """Give the next `count` files their names, or all of them, in the order in which they were added."""
        for _ in range(len(self._waiting) if count is None else count):
            self.rename(*self._waiting[0], changed)
            self._waiting.popleft()

    def rename(self, source: str, target: str, changed: Changed | None = None) -> None:
        """Give a file a name in a folder that may have to be made again."""
        with naming(target):
            self._folders.within(target, lambda: self._disk.rename(source, target), changed)


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """Errors of the body name the file at this real path, and not its temporary name or none at all."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = path, None
        raise


def temporary_path(root: str) -> str:
    # Nobody gains by guessing it: the file is made only if there is none, and `secrets` asks the kernel each time.
    return f"{root}/{TEMPORARY}/{OWNER}-{os.getpid()}-{random.getrandbits(64):016x}"


def left_behind(disk: Disk, root: str) -> list[str]:
    """The temporary files of processes that are known to be gone, and those older than any write takes. Raises OSError."""
    folder = f"{root}/{TEMPORARY}"
    paths = [f"{folder}/{name}" for name in disk.listdir(folder)]
    return [path for path in paths if is_left_behind(disk, path, ABANDONED_SECONDS)]


def is_left_behind(disk: Disk, path: str, seconds: float) -> bool:
    """Whether the process that the name of a temporary file tells of is gone. Of another machine or container that is not known:
    there the file has to be older than `seconds`. Raises OSError."""
    owner, _, rest = os.path.basename(path).partition("-")
    pid = rest.partition("-")[0]
    if owner == OWNER and pid.isdigit():
        return not os.path.exists(f"/proc/{pid}")
    try:
        return disk.stat(path).st_mtime < time.time() - seconds
    except FileNotFoundError:
        # Published or removed meanwhile by a process that is alive.
        return False


def _owner() -> str:
    """A name for the set of process ids that this process can see: other boots, containers and hosts have other names."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        space = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return "unknown"
    return f"{boot}.{space:x}"


OWNER = _owner()
