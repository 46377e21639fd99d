"""A span for each operation of the driver, below the span of its request. Operations outside of requests have none: probes of the
storage and the purging of uploads would fill trace stores with noise."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from opentelemetry.trace import Span, SpanKind, Tracer, get_current_span

from moorage.drivers.base import Creation, Driver, FileInfo, Matches, Part, Reader, Writer
from moorage.drivers.delegating import DelegatingDriver, unfolded
from moorage.tracing.failing import failing, note
from moorage.tracing.opened import TracedReader, traced_creation, traced_writer
from moorage.tracing.words import cut

T = TypeVar("T")
Work = Coroutine[Any, Any, T]
Attributes = Mapping[str, str | int]
Stage = Iterable[tuple[str, bytes]]


def recording() -> bool:
    """Whether the current request is recorded. Spans of the driver are sampled like their parent."""
    return get_current_span().is_recording()


class TracedDriver(DelegatingDriver):
    """Traces the operations of a driver. If the request is not recorded, it returns the wrapped driver's own coroutine."""

    def __init__(self, driver: Driver, tracer: Tracer) -> None:
        super().__init__(driver)
        self._tracer = tracer
        self._kind = SpanKind.CLIENT if driver.distant else SpanKind.INTERNAL

    def read(self, path: str) -> Work[bytes]:
        return self._spanned("storage.read", path, self._driver.read(path))

    def read_noted(self, path: str) -> Work[tuple[bytes, bytes]]:
        return self._spanned("storage.read", path, self._driver.read_noted(path))

    def write_noted(self, path: str, data: bytes, note: bytes) -> Work[None]:
        return self._spanned("storage.write", path, self._driver.write_noted(path, data, note))

    def write(self, *stages: Stage) -> Work[None]:
        if not recording():
            return self._driver.write(*stages)
        whole, paths = unfolded(stages)
        more = {"moorage.storage.files": len(paths)}
        return self._around("storage.write", paths[0] if paths else "", self._driver.write(*whole), more)

    def open(self, path: str, *, mark: str = "", part: Part | None = None) -> Work[Reader]:
        work = self._driver.open(path, mark=mark, part=part)
        return self._opened(path, work) if recording() else work

    def begin(self, path: str, data: bytes, file: str) -> Work[str]:
        return self._spanned("storage.begin", path, self._driver.begin(path, data, file))

    def writer(self, path: str, *, mark: str = "", begun: bool = False) -> Work[Writer]:
        work = self._driver.writer(path, mark=mark, begun=begun)
        return self._appending(path, work) if recording() else work

    def create(self, path: str, size: int) -> Creation | None:
        made = self._driver.create(path, size)
        if made is None or not recording():
            return made
        return traced_creation(made, self._start("storage.create", path))

    def stat(self, path: str) -> Work[FileInfo]:
        return self._spanned("storage.stat", path, self._driver.stat(path))

    def written(self, path: str) -> Work[FileInfo]:
        return self._spanned("storage.written", path, self._driver.written(path))

    def is_folder(self, path: str) -> Work[bool]:
        return self._spanned("storage.is_folder", path, self._driver.is_folder(path))

    def children(self, path: str) -> Work[list[str]]:
        return self._spanned("storage.children", path, self._driver.children(path))

    def move(
        self, source: str, target: str, files: Stage = (), *, mark: str = "", remove: Sequence[str] = ()
    ) -> Work[None]:
        work = self._driver.move(source, target, files, mark=mark, remove=remove)
        if not recording():
            return work
        return self._around("storage.move", source, work, {"moorage.storage.target": cut(target)})

    def delete(self, path: str, *, durable: bool = True) -> Work[None]:
        return self._spanned("storage.delete", path, self._driver.delete(path, durable=durable))

    def delete_matching(self, folder: str, path: str, matches: Matches) -> Work[bool]:
        return self._spanned("storage.delete", path, self._driver.delete_matching(folder, path, matches))

    def _spanned(self, name: str, path: str, work: Work[T]) -> Work[T]:
        return self._around(name, path, work) if recording() else work

    async def _around(self, name: str, path: str, work: Work[T], more: Attributes | None = None) -> T:
        span = self._start(name, path, more)
        try:
            with failing(span):
                return await work
        finally:
            span.end()

    async def _opened(self, path: str, work: Work[Reader]) -> Reader:
        reader = await self._around("storage.open", path, work)
        return TracedReader(reader, lambda: self._start("storage.stream", path))

    async def _appending(self, path: str, work: Work[Writer]) -> Writer:
        span = self._start("storage.append", path)
        try:
            return traced_writer(await work, span)
        except BaseException as error:
            note(span, error)
            span.end()
            raise

    def _start(self, name: str, path: str, more: Attributes | None = None) -> Span:
        attributes = {
            "moorage.storage.driver": self.name,
            "moorage.storage.path": cut(path),
        }
        return self._tracer.start_span(name, kind=self._kind, attributes={**attributes, **(more or {})})
