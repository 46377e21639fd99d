"""Open files whose failures are counted. Without them, a disk that fills during uploads would never show."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType

from moorage.drivers.base import Creation, DriverError, Meanwhile, Reader, Writer, ignore

Failed = Callable[[DriverError], None]


class _Failures:
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


class _Growing:
    """The common part of writers and creations."""

    def __init__(self, file: Writer | Creation, failed: Failed) -> None:
        self._file = file
        self._failures = _Failures(failed)

    async def write(self, pieces: Sequence[bytes], meanwhile: Meanwhile = ignore, *, ahead: int = 0) -> None:
        with self._failures:
            await self._file.write(pieces, meanwhile, ahead=ahead)

    async def flush(self) -> None:
        with self._failures:
            await self._file.flush()


class MeteredWriter(_Growing):
    def __init__(self, writer: Writer, failed: Failed) -> None:
        super().__init__(writer, failed)
        self._writer = writer

    @property
    def size(self) -> int:
        return self._writer.size

    @property
    def mark(self) -> str:
        return self._writer.mark

    async def close(self) -> None:
        with self._failures:
            await self._writer.close()


class MeteredCreation(_Growing):
    def __init__(self, creation: Creation, failed: Failed) -> None:
        super().__init__(creation, failed)
        self._creation = creation

    async def commit(self) -> None:
        with self._failures:
            await self._creation.commit()

    async def abort(self) -> None:
        await self._creation.abort()
