"""Disks that a test puts under the filesystem driver: to count its calls, to fail one, to die at one.

They sit where the system calls are made, so all the code above runs as it does in a server.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from moorage.drivers.disk import Disk
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.journal.journal import LIMIT
from moorage.drivers.journal.writing import JournaledWriting
from moorage.drivers.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")

CALLS: Final = (
    *("open", "close", "read", "preadv", "stat", "fstat", "listdir", "mkdir", "rename", "unlink", "rmdir"),
    *("fsync", "syncfs", "getxattr", "setxattr", "link"),
)


class Watched(Disk):
    """A real disk that asks `before` each call and tells `after` it. `write` is one call."""

    def __init__(self) -> None:
        for name in CALLS:
            if hasattr(Disk, name):
                setattr(self, name, partial(self._call, name, getattr(Disk, name)))

    def _call(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.before(name, args)
        result = function(*args, **kwargs)
        self.after(name, args, result)
        return result

    def write(self, fd: int, pieces: Sequence[bytes]) -> None:
        self.before("write", (fd, pieces))
        super().write(fd, pieces)
        self.after("write", (fd, pieces), None)

    def before(self, name: str, args: tuple[Any, ...]) -> None: ...

    def after(self, name: str, args: tuple[Any, ...], result: Any) -> None: ...


class Counting(Watched):
    """How often each call was made, and of which paths."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.opened: list[str] = []

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        self.calls[name] += 1
        if name == "open":
            self.opened.append(args[0])

    def reset(self) -> None:
        self.calls.clear()
        self.opened.clear()


class Died(BaseException):
    """The process ended here. No `except Exception` may go on after it."""


class Dying(Watched):
    """Dies at the `at`-th call, before it is made; a write is made by half. With `changes`, only calls that change
    something count: a death at any other one leaves what a death at the one before leaves. Nothing works
    afterwards, as for a process that is gone; `bury` does what the kernel does then."""

    def __init__(self, at: int, *, changes: bool = False) -> None:
        super().__init__()
        self.at = at
        self.changes = changes
        self.made = 0
        self.dead = False
        self._open: set[int] = set()

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        if not self.changes or changes_something(name, args):
            self.made += 1
        if not self.dead and self.made < self.at:
            return
        if name == "write" and not self.dead:
            _write_half(*args)
        self.dead = True
        raise Died

    def after(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        if name == "open":
            self._open.add(result)
        elif name == "close":
            self._open.remove(args[0])

    def bury(self) -> None:
        """Close what the process had open, and with that end its locks."""
        while self._open:
            os.close(self._open.pop())


def changes_something(name: str, args: tuple[Any, ...]) -> bool:
    """Whether a call changes what is on the disk; syncing does not."""
    if name == "open":
        return bool(args[1] & os.O_CREAT)
    if name == "mkdir":
        return not os.path.isdir(args[0])
    return name in ("write", "rename", "unlink", "rmdir", "setxattr", "link")


class Failing(Watched):
    """Fails the `at`-th call with `error`, and those after it that write when the fault `lasts`. A write is made by
    half first: what a disk does that fills up, or a limit on file sizes."""

    def __init__(self, at: int, error: int, *, lasts: bool = False) -> None:
        super().__init__()
        self.at = at
        self.error = error
        self.lasts = lasts
        self.made = 0
        self.armed = False
        self.failed: list[str] = []

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        self.made += 1
        again = self.lasts and self.made > self.at and name in ("write", "mkdir", "fsync")
        if self.made != self.at and not again:
            return
        self.failed.append(name)
        if name == "write":
            _write_half(*args)
        if name == "close":
            # The kernel closes the descriptor even when it reports that data was lost.
            os.close(args[0])
        raise OSError(self.error, os.strerror(self.error))


def _write_half(fd: int, pieces: Sequence[bytes]) -> None:
    data = b"".join(pieces)
    if len(data) > 1:
        os.write(fd, data[: len(data) // 2])


class AtOnce(Threads):
    """No threads: what is called has been done on return."""

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class Inline(FilesystemDriver):
    """Does in turn what the driver does in threads, so that the k-th call is the same one every time."""

    def __init__(
        self, root: str, *, disk: Disk | None = None, journaled: bool = False, limit: int = LIMIT
    ) -> None:
        super().__init__(root, disk=disk)
        self._journaled, self._limit = journaled, limit
        writing = JournaledWriting(
            self._disk, self._folders, self._sizes, self.root, self._read, limit=limit, seconds=None
        )
        self._journal = writing.journal
        if journaled:
            self._writing = writing
        self._threads = AtOnce(1)
        self._threaded = self._threads.call
        self._others: list[Inline] = []

    def again(self) -> Inline:
        """Another process's driver on the same disk."""
        self._others.append(Inline(self.root, disk=self._disk, journaled=self._journaled, limit=self._limit))
        return self._others[-1]

    async def close(self) -> None:
        for other in self._others:
            await other.close()
        await super().close()


@contextmanager
def fast_folder() -> Iterator[Path]:
    """A folder in memory where there is such a file system: syncs are modelled or counted, not waited for."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="moorage-", dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def descriptors() -> set[str]:
    """The open file descriptors of this process, with what they lead to."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
        except OSError:
            continue
    return found
