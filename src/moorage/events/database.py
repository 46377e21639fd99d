"""The file of the queue: an SQLite database in WAL mode, one for all processes of a node.

Writers wait at a separate lock file, because SQLite sleeps up to a tenth of a second at a time. A commit writes to the write-ahead log only;
`Database.sync` makes it durable outside of the lock, so that the processes of a node can share a sync.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import pwd
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from moorage.events.locking import Lock, opened
from moorage.events.rows import SCHEMA, Waiting, transaction, waiting

log = logging.getLogger(__name__)

VERSION: Final = 1
PAGE_BYTES: Final = 4096
LOG_BYTES: Final = 8 << 20
"""The part of the queue's disk space that the write-ahead log may take at most."""

LEAST_PAGES: Final = 16
SPARE_PAGES: Final = 1024
BACK_PAGES: Final = 32
"""How many free pages each transaction returns to the file system while there are more than SPARE_PAGES."""

CHECKED_BYTES: Final = 64 << 20
"""The largest file that is checked at the start. Reading it takes a tenth of a second."""

FOREIGN_SECONDS: Final = 5.0
"""How long to wait for programs that do not use the lock file, such as SQLite's shell."""

_NEW: Final = (f"page_size = {PAGE_BYTES}", "auto_vacuum = INCREMENTAL")
_NO_ROOM: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Damaged(sqlite3.DatabaseError):
    """The file is damaged."""


class QueueError(Exception):
    """The queue cannot be used. `path` is its file."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class NotOwned(QueueError):
    """A file of the queue is another user's. `owner`: that user's name, or number."""

    def __init__(self, path: Path, reason: str, owner: str) -> None:
        super().__init__(path, reason)
        self.owner = owner


class NotNow(QueueError):
    """There is no room for the file, or another process keeps it locked. This may pass."""


class QueueDamaged(QueueError):
    """The file is damaged, and was left where it is."""


class QueueFull(QueueError):
    """Some events were dropped: `lost` is their number by endpoint, already counted. The others were stored."""

    def __init__(self, path: Path, reason: str, lost: dict[str, int]) -> None:
        super().__init__(path, reason)
        self.lost = lost


class Database:
    """The queue's database file and its locks. Methods may be called from any thread."""

    def __init__(self, path: Path, lock: Lock, *, limit: int, check: bool, mend: bool) -> None:
        """`limit`: bytes on disk. `check`: read the whole file, unless it is large, to verify that it is sound. `mend`: move a
        damaged file aside, which no other process may have open. Raises QueueError, NotNow."""
        self.path = path
        self._lock = lock
        logged = min(LOG_BYTES, limit // 4)
        self._log_pages = max(LEAST_PAGES, logged // PAGE_BYTES // 2)
        self.pages = max(LEAST_PAGES, (limit - logged) // PAGE_BYTES)
        self._turn = threading.Lock()
        with contextlib.ExitStack() as closing:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._writing = lock.open()
                closing.callback(os.close, self._writing)
                self._make()
                with lock.held(self._writing):
                    self._first: sqlite3.Connection | None = self._sound(check, mend)
                closing.callback(self._first.close)
                self._log = os.open(f"{path}-wal", os.O_RDONLY | os.O_CLOEXEC)
                closing.callback(os.close, self._log)
                _sync_folder(path.parent)
            except (OSError, sqlite3.Error) as error:
                failing = _failing(path, error)
                if isinstance(error, PermissionError) and (owner := _other_owner(failing)):
                    raise NotOwned(failing, reason(error), owner) from None
                kind = NotNow if isinstance(error, TimeoutError) or no_room(error) else QueueError
                raise kind(failing, reason(error)) from None
            self._opened = closing.pop_all()

    def connect(self) -> Connection:
        """A connection for one kind of work. Raises sqlite3.Error, OSError."""
        connection, self._first = self._first or self._connect(), None
        made = Connection(self._lock, connection)
        self._opened.callback(made.close)
        return made

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Exclude all other writers, in any process. Raises OSError."""
        with self._turn, self._lock.held(self._writing):
            yield

    def sync(self) -> None:
        """Make everything committed so far durable. Raises OSError."""
        os.fdatasync(self._log)

    def close(self) -> None:
        self._opened.close()

    def _make(self) -> None:
        """Events reveal who did what, so no other user may read them. SQLite's other files get the mode and the owner of this one."""
        os.close(opened(str(self.path)))

    def _sound(self, check: bool, mend: bool) -> sqlite3.Connection:
        """A connection to a sound file: a damaged one is moved aside and a new one begun, if `mend` allows."""
        try:
            return self._made(check)
        except sqlite3.DatabaseError as error:
            if not damaged(error):
                raise
            if not mend:
                raise QueueDamaged(self.path, str(error)) from None
            log.error(
                "queue of events is damaged; it was moved aside, and another one begun",
                extra={"path": str(self.path), "moved": str(_move_aside(self.path)), "reason": str(error)},
            )
            self._make()
            return self._made(check=False)

    def _made(self, check: bool) -> sqlite3.Connection:
        connection = self._connect()
        try:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise QueueError(self.path, f"was made by a newer version of Moorage (format {version})")
            if version < VERSION:
                connection.executescript(
                    f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
                )
            connection.execute("SELECT max(place) FROM event").fetchone()
            if check and self.path.stat().st_size <= CHECKED_BYTES:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                if found != "ok":
                    raise Damaged(found.splitlines()[-1])
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=FOREIGN_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in (
                # These work on a new file only. On a full disk, repeating them fails.
                *(_NEW if self.path.stat().st_size == 0 else ()),
                "journal_mode = WAL",
                # `sync` makes commits durable; SQLite itself syncs only at checkpoints.
                "synchronous = NORMAL",
                f"wal_autocheckpoint = {self._log_pages}",
                f"journal_size_limit = {2 * self._log_pages * PAGE_BYTES}",
                f"max_page_count = {self.pages}",
                "cache_size = -256",
                "secure_delete = OFF",
            ):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection


class Connection:
    """One connection, used by one thread at a time."""

    def __init__(self, lock: Lock, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._turn = threading.Lock()
        self._lock = lock
        self._writing = lock.open()

    @contextlib.contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """The connection, while all other writers wait. Raises OSError."""
        with self._turn, self._lock.held(self._writing):
            yield self._connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Like `alone`, in a transaction. Raises sqlite3.Error, OSError."""
        with self.alone() as connection, changing(connection):
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            yield self._connection

    def close(self) -> None:
        """Close once the current user is done. Later uses raise sqlite3.Error."""
        with self._turn:
            self._connection.close()
            os.close(self._writing)


def waiting_in(path: Path) -> dict[str, Waiting]:
    """What waits in a queue that nobody needs, which is neither changed nor waited for. Raises sqlite3.Error."""
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0)) as connection:
        return waiting(connection)


@contextlib.contextmanager
def changing(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that removes or changes rows. Raises sqlite3.Error."""
    with transaction(connection):
        yield
        _give_back(connection)


def no_room(error: Exception) -> bool:
    """Whether writing failed because the disk is full or the limit is reached. A full disk can also show as an I/O error, when
    SQLite extends its shared memory."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, sqlite3.Error) and _primary(error) in _NO_ROOM


def damaged(error: sqlite3.Error) -> bool:
    return isinstance(error, Damaged) or _primary(error) in _DAMAGED


def reason(error: Exception) -> str:
    """The error in words, without the path."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "there is no room" if no_room(error) else str(error)


def _failing(path: Path, error: Exception) -> Path:
    """What could not be used: the file, or one beside it, such as that of its lock."""
    found = str(error.filename) if isinstance(error, OSError) else ""
    return Path(found) if found.startswith((f"{path}.", f"{path}-")) else path


def _other_owner(path: Path) -> str:
    """Whose the file is; empty if it is this user's, or not there."""
    try:
        uid = path.stat().st_uid
    except OSError:
        return ""
    if uid == os.geteuid():
        return ""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _give_back(connection: sqlite3.Connection) -> None:
    """Return some of the space of removed events to the file system. A little is kept for new ones."""
    if connection.execute("PRAGMA freelist_count").fetchone()[0] > SPARE_PAGES:
        for _ in range(BACK_PAGES):
            # With a larger argument, Python's sqlite3 module still frees a single page.
            connection.execute("PRAGMA incremental_vacuum(1)")


def _primary(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _move_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{path}-shm")
    return aside


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
