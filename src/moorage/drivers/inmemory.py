"""Files in memory, for tests and for registries that may forget. Nothing survives the process."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Iterable, Sequence

from moorage.drivers.base import (
    A_FOLDER,
    FileInfo,
    Meanwhile,
    Obstructed,
    Part,
    PathBusy,
    PathNotFound,
    Reader,
    Writer,
    ignore,
)
from moorage.drivers.inplace import InPlace
from moorage.drivers.looking import LookingFirst


class _File:
    def __init__(self) -> None:
        self.data = bytearray()
        self.modified = time.time()
        self.busy = False
        self.removed = False


class InMemoryDriver(LookingFirst, InPlace):
    """For a single process: every worker would have files of its own."""

    name = "inmemory"

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    async def read(self, path: str) -> bytes:
        return bytes(self._readable(path).data)

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        for path, data in itertools.chain(*stages):
            file = _File()
            file.data[:] = data
            self._files[path] = file

    async def begin(self, path: str, data: bytes, file: str) -> str:
        await self.write([(path, data)])
        self._files[file] = _File()
        return ""

    async def open(self, path: str, *, mark: str = "", part: Part | None = None) -> Reader:
        return _MemoryReader(self._readable(path).data)

    async def writer(self, path: str, *, mark: str = "", begun: bool = False) -> Writer:
        file = self._file(path) if begun else self._files.setdefault(path, _File())
        if file.busy:
            raise PathBusy(path)
        file.busy = True
        return _MemoryWriter(file, path)

    async def stat(self, path: str) -> FileInfo:
        if path in self._files:
            file = self._files[path]
            return FileInfo(len(file.data), file.modified)
        if any(self._below(path)):
            return FileInfo(0, 0.0, is_folder=True)
        raise PathNotFound(path)

    async def children(self, path: str) -> list[str]:
        start = len(path.rstrip("/")) + 1
        names = {known[start:].partition("/")[0] for known in self._below(path)}
        if not names:
            raise PathNotFound(path)
        return sorted(names)

    async def move(
        self,
        source: str,
        target: str,
        files: Iterable[tuple[str, bytes]] = (),
        *,
        mark: str = "",
        remove: Sequence[str] = (),
    ) -> None:
        self._files[target] = self._file(source)
        del self._files[source]
        await self.write(files)
        for path in remove:
            with contextlib.suppress(PathNotFound):
                await self.delete(path)

    async def delete(self, path: str, *, durable: bool = True) -> None:
        doomed = [path] if path in self._files else list(self._below(path))
        if not doomed:
            raise PathNotFound(path)
        for known in doomed:
            self._files.pop(known).removed = True

    async def close(self) -> None:
        return None

    def _file(self, path: str) -> _File:
        try:
            return self._files[path]
        except KeyError:
            raise PathNotFound(path) from None

    def _readable(self, path: str) -> _File:
        if path not in self._files and any(True for _ in self._below(path)):
            raise Obstructed(path, A_FOLDER)
        return self._file(path)

    def _below(self, path: str) -> Iterable[str]:
        prefix = path.rstrip("/") + "/"
        return (known for known in self._files if known.startswith(prefix))


class _MemoryReader:
    def __init__(self, data: bytearray) -> None:
        self._data = data
        self.size = len(data)
        self.data: bytes | None = None

    async def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes | bytearray]:
        for position in range(start, stop, piece):
            yield self._data[position : min(position + piece, stop)]

    def close(self) -> None:
        return None


class _MemoryWriter:
    def __init__(self, file: _File, path: str) -> None:
        self._file = file
        self._path = path
        self.size = len(file.data)
        self.mark = ""

    async def write(self, pieces: Sequence[bytes], meanwhile: Meanwhile = ignore, *, ahead: int = 0) -> None:
        for piece in pieces:
            self._file.data += piece
        meanwhile(pieces)
        self.size = len(self._file.data)

    async def flush(self) -> None:
        if self._file.removed:
            raise PathNotFound(self._path, "removed while it was written to")

    async def close(self) -> None:
        self._file.busy = False
        self._file.modified = time.time()
