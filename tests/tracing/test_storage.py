"""A traced driver keeps every promise of the one below, and tells what it did."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from opentelemetry.trace import StatusCode, use_span

from moorage.drivers.base import DriverError, Part, PathBusy, PathNotFound, Reader
from moorage.drivers.delegating import DelegatingDriver
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.tracing.storage import TracedDriver
from tests.contracts.driver import PROMISES, Promise


class Traced:
    """Spans of what is done in `with request`."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._kept = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.tracer = provider.get_tracer("tests")
        self.request = self.tracer.start_span("request")

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._kept.get_finished_spans())

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


@pytest.fixture
def traced() -> Traced:
    return Traced()


@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF], ids=["recording", "dropping"])
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_a_traced_driver_keeps_every_promise(
    promise: Promise, sampler: Sampler, tmp_path: Path
) -> None:
    traced = Traced(sampler)
    driver = TracedDriver(FilesystemDriver(str(tmp_path / "root")), traced.tracer)
    with use_span(traced.request):
        await promise(driver)
    await driver.close()
    assert bool(traced.spans) == (sampler is ALWAYS_ON)
    assert {span.parent and span.parent.span_id for span in traced.spans} <= {
        traced.request.get_span_context().span_id
    }


async def test_what_no_request_asks_for_has_no_span(traced: Traced) -> None:
    driver = TracedDriver(InMemoryDriver(), traced.tracer)
    await driver.write([("/a", b"1")])
    await driver.children("/")
    with use_span(traced.request):
        await driver.read("/a")
    traced.request.end()
    with use_span(traced.request):
        # A task that the request began, and that goes on after it.
        await driver.read("/a")
    assert traced.names == ["storage.read", "request"]


async def test_a_span_tells_the_path_and_the_driver(traced: Traced) -> None:
    driver = TracedDriver(InMemoryDriver(), traced.tracer)
    with use_span(traced.request):
        await driver.write([("/a/b", b"1")], iter([("/a/c", b"2"), ("/a/d", b"3")]))
        await driver.move("/a/b", "/e")
        assert await driver.read("/a/d") == b"3"
    write, move, _ = traced.spans
    assert attributes(write) == {
        "moorage.storage.driver": "inmemory",
        "moorage.storage.path": "/a/b",
        "moorage.storage.files": 3,
    }
    assert attributes(move)["moorage.storage.target"] == "/e"


async def test_nothing_there_and_a_busy_file_are_no_errors(traced: Traced) -> None:
    driver = TracedDriver(InMemoryDriver(), traced.tracer)
    with use_span(traced.request):
        with pytest.raises(PathNotFound):
            await driver.read("/nothing")
        writer = await driver.writer("/upload")
        with pytest.raises(PathBusy):
            await driver.writer("/upload")
        await writer.close()
    assert [
        (attributes(span).get("moorage.storage.answer"), span.status.status_code) for span in traced.spans
    ] == [
        ("PathNotFound", StatusCode.UNSET),
        ("PathBusy", StatusCode.UNSET),
        (None, StatusCode.UNSET),
    ]


class Failing(DelegatingDriver):
    """A storage that breaks off in the middle of a file, and takes nothing."""

    async def write(self, *stages: object) -> None:
        raise DriverError("/a", "the disk is gone")

    async def open(self, path: str, *, mark: str = "", part: Part | None = None) -> Reader:
        return Breaking()


class Breaking:
    size = 10
    data: bytes | None = None

    async def stream(self, start: int, stop: int, piece: int) -> AsyncIterator[bytes]:
        yield b"half"
        raise DriverError("/a", "ended early")

    def close(self) -> None:
        return


async def test_what_fails_is_told_with_its_type_and_message_and_without_a_stack(traced: Traced) -> None:
    driver = TracedDriver(Failing(InMemoryDriver()), traced.tracer)
    with use_span(traced.request), pytest.raises(DriverError):
        await driver.write([("/a", b"1")])
    [span] = traced.spans
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "/a: the disk is gone")
    assert attributes(span)["error.type"] == "DriverError"
    assert [(event.name, dict(event.attributes or {})) for event in span.events] == [
        ("exception", {"exception.type": "DriverError", "exception.message": "/a: the disk is gone"})
    ]


async def test_a_file_that_breaks_off_while_it_is_sent_is_told(traced: Traced) -> None:
    driver = TracedDriver(Failing(InMemoryDriver()), traced.tracer)
    with use_span(traced.request):
        reader = await driver.open("/a")
        with pytest.raises(DriverError):
            async for _ in reader.stream(0, 10, 5):
                pass
    opened, stream = traced.spans
    assert (opened.name, stream.name) == ("storage.open", "storage.stream")
    assert opened.status.status_code is StatusCode.UNSET
    assert (stream.status.status_code, attributes(stream)["moorage.storage.bytes"]) == (StatusCode.ERROR, 4)


async def test_an_upload_is_one_span_however_many_pieces_it_has(traced: Traced) -> None:
    driver = TracedDriver(InMemoryDriver(), traced.tracer)
    with use_span(traced.request):
        writer = await driver.writer("/upload")
        for _ in range(50):
            await writer.write([b"1234", b"5678"])
        await writer.flush()
        await writer.close()
    [span] = traced.spans
    assert (span.name, attributes(span)["moorage.storage.bytes"]) == ("storage.append", 400)
