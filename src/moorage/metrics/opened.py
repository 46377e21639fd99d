"""Open files whose failures are counted. Without them, a disk that fills during uploads would never show."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from types import TracebackType

from moorage.drivers.base import Creation, DriverError, Reader, Writer
from moorage.drivers.opened import WatchedCreation, WatchedWriter

Failed = Callable[[DriverError], None]


class _Failures(AbstractContextManager[None]):
    """A block that may be entered many times, and calls `failed` with the first DriverError that leaves it. Later errors of the
    same file follow from the first one."""

    def __init__(self, failed: Failed) -> None:
        self._failed: Failed | None = failed

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, DriverError) and self._failed is not None:
            self._failed(error)
            self._failed = None


class MeteredReader:
    def __init__(self, reader: Reader, failed: Failed) -> None:
        self._reader = reader
        self._failures = _Failures(failed)
        self.size = reader.size
        self.data = reader.data

    async def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes | bytearray]:
        with self._failures:
            async for part in self._reader.stream(start, stop, piece):
                yield part

    def close(self) -> None:
        self._reader.close()


def metered_writer(writer: Writer, failed: Failed) -> Writer:
    failures = _Failures(failed)
    return WatchedWriter(writer, lambda: failures)


def metered_creation(creation: Creation, failed: Failed) -> Creation:
    failures = _Failures(failed)
    return WatchedCreation(creation, lambda: failures)
