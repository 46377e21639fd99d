"""What a driver has to keep of files that are open: streams of those that are there, writers of those that grow."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from moorage.drivers.base import Driver, PathBusy, PathNotFound, Reader
from moorage.drivers.files import SPARE_BYTES

LARGE: Final = bytes(range(256)) * (5 << 12)
"""5 MiB: more than any driver moves at once."""


async def whole(reader: Reader, start: int = 0, stop: int | None = None, piece: int = 64 << 10) -> bytes:
    """`[start, stop)` of an open file, each piece copied before the next one is asked for."""
    parts = [bytes(part) async for part in reader.stream(start, reader.size if stop is None else stop, piece)]
    assert all(0 < len(part) <= piece for part in parts), "a piece is empty or longer than asked for"
    return b"".join(parts)


async def content(driver: Driver, path: str) -> bytes:
    """The file as a stream gives it, which has to be what `read` and `stat` say."""
    reader = await driver.open(path)
    try:
        streamed = await whole(reader)
    finally:
        reader.close()
    assert streamed == await driver.read(path)
    assert (await driver.stat(path)).size == len(streamed) == reader.size
    return streamed


async def append(driver: Driver, path: str, *pieces: bytes) -> None:
    writer = await driver.writer(path)
    try:
        await writer.write(pieces)
    finally:
        await writer.close()


# Streams


async def any_range_is_streamed_in_pieces(driver: Driver) -> None:
    data = bytes(range(251)) * 400
    await driver.write([("/r", data)])
    reader = await driver.open("/r")
    size = len(data)
    ranges = [(0, 0), (0, 1), (0, size), (size - 1, size), (size, size), (1, 4097), (4095, 8193), (7, 99_999)]
    for start, stop in ranges:
        for piece in (1 << 10, 4096, 7_777, 1 << 20):
            assert await whole(reader, start, stop, piece) == data[start:stop]
    reader.close()


async def a_file_that_is_opened_for_a_part_has_its_whole_size_and_any_of_its_bytes(driver: Driver) -> None:
    for data in (bytes(range(251)) * 400, b"a small file"):
        await driver.write([("/part", data)])
        for start, stop in ((0, 1), (3, 9), (len(data) - 1, len(data)), (0, len(data))):
            reader = await driver.open("/part", part=(start, stop))
            assert reader.size == len(data)
            assert await whole(reader, start, stop) == data[start:stop]
            assert await whole(reader, start, stop) == data[start:stop], "a second time"
            assert await whole(reader) == data
            reader.close()
    with pytest.raises(PathNotFound):
        await driver.open("/missing", part=(0, 1))


async def a_file_in_memory_is_what_is_streamed(driver: Driver) -> None:
    """Handlers answer with `data` where there is some, else with the stream."""
    for size in (0, 1, 71, 65_535, 65_536, 65_537, 300_000):
        await driver.write([("/m", LARGE[1 : 1 + size])])
        for _ in range(2):
            reader = await driver.open("/m")
            assert reader.size == size
            assert await whole(reader) == LARGE[1 : 1 + size]
            assert reader.data is None or reader.data == LARGE[1 : 1 + size]
            assert await whole(reader, size // 3, size // 2, 1_000) == LARGE[1 + size // 3 : 1 + size // 2]
            reader.close()


async def streams_of_one_reader_do_not_disturb_each_other(driver: Driver) -> None:
    await driver.write([("/s", LARGE)])
    reader = await driver.open("/s")
    found = await asyncio.gather(
        *(whole(reader, start, start + 999_999) for start in range(0, 4 << 20, 1 << 19))
    )
    assert found == [LARGE[start : start + 999_999] for start in range(0, 4 << 20, 1 << 19)]
    reader.close()


async def streams_at_once_have_memory_of_their_own(driver: Driver) -> None:
    """Also that which an earlier one gave back."""
    await driver.write([(f"/{number}", bytes([number]) * (3 * SPARE_BYTES)) for number in (1, 2)])
    readers = [await driver.open(f"/{number}") for number in (1, 2)]
    await whole(readers[0], piece=SPARE_BYTES)
    streams = [reader.stream(0, reader.size, SPARE_BYTES) for reader in readers]
    for _ in range(3):
        pieces = [await anext(stream) for stream in streams]
        assert [set(piece) for piece in pieces] == [{1}, {2}]
    for reader in readers:
        reader.close()


async def an_open_file_outlives_its_replacement(driver: Driver) -> None:
    await driver.write([("/a", LARGE)])
    reader = await driver.open("/a")
    stream = reader.stream(0, reader.size, 64 << 10)
    first = bytes(await anext(stream))
    await driver.write([("/a", b"new")])
    assert first + b"".join([bytes(part) async for part in stream]) == LARGE
    reader.close()
    assert await driver.read("/a") == b"new"


async def an_open_file_outlives_its_removal(driver: Driver) -> None:
    await driver.write([("/a/b", LARGE)])
    reader = await driver.open("/a/b")
    await driver.delete("/a")
    assert await whole(reader) == LARGE
    reader.close()
    with pytest.raises(PathNotFound):
        await driver.open("/a/b")


async def an_open_file_outlives_a_move_onto_it(driver: Driver) -> None:
    await driver.write([("/old", b"old" * 1_000), ("/new", b"new" * 1_000)])
    reader = await driver.open("/old")
    await driver.move("/new", "/old")
    assert await whole(reader) == b"old" * 1_000
    reader.close()


async def closing_twice_is_closing_once(driver: Driver) -> None:
    await driver.write([("/a", b"x")])
    reader, writer = await driver.open("/a"), await driver.writer("/w")
    for _ in range(2):
        reader.close()
        await writer.close()


# Files that grow


async def a_writer_appends(driver: Driver) -> None:
    writer = await driver.writer("/u/data")
    assert writer.size == 0
    await writer.write([b"one", b"", b"two"])
    await writer.write([])
    # More than the kernel takes in one call.
    await writer.write([b"three"] * 1_100)
    await writer.flush()
    assert writer.size == 6 + 5 * 1_100
    await writer.close()
    assert await content(driver, "/u/data") == b"onetwo" + b"three" * 1_100


async def a_writer_may_be_ahead_of_what_is_written(driver: Driver) -> None:
    """Never further than it said, and every batch is worked on once, in its turn."""
    writer = await driver.writer("/u/data")
    worked: list[bytes] = []
    given: list[bytes] = []
    size = 0
    for number in range(200):
        ahead = (0, 1, 20_000, 1 << 20)[number % 4]
        batch = [b"%d " % number * 1_000, b"", b"|"]
        given.append(b"".join(batch))
        size += len(given[-1])
        await writer.write(batch, lambda pieces: worked.append(b"".join(pieces)), ahead=ahead)
        assert size - writer.size <= ahead
    await writer.flush()
    assert writer.size == size
    assert worked == given
    await writer.close()
    assert await content(driver, "/u/data") == b"".join(given)


async def writing_without_being_ahead_waits_for_all(driver: Driver) -> None:
    writer = await driver.writer("/u/data")
    worked: list[int] = []
    await writer.write([b"first"], lambda _: worked.append(1), ahead=1 << 20)
    await writer.write([b"second"], lambda _: worked.append(2))
    assert writer.size == 11
    assert worked == [1, 2]
    assert await driver.read("/u/data") == b"firstsecond"
    await writer.close()


async def flushing_nothing_is_nothing(driver: Driver) -> None:
    writer = await driver.writer("/u/data")
    await writer.flush()
    assert writer.size == 0
    await writer.write([b"data"], ahead=1 << 20)
    for _ in range(2):
        await writer.flush()
        assert writer.size == 4
    await writer.close()


async def closing_waits_for_what_was_given(driver: Driver) -> None:
    writer = await driver.writer("/u/data")
    for _ in range(5):
        await writer.write([LARGE[: 1 << 20]], ahead=5 << 20)
    await writer.close()
    assert writer.size == 5 << 20
    assert await content(driver, "/u/data") == LARGE[: 1 << 20] * 5


async def a_later_writer_goes_on_where_the_first_stopped(driver: Driver) -> None:
    await append(driver, "/u/data", b"first ")
    writer = await driver.writer("/u/data")
    assert writer.size == 6
    await writer.write([b"second"])
    await writer.close()
    assert await content(driver, "/u/data") == b"first second"


async def a_writer_takes_megabytes(driver: Driver) -> None:
    await append(driver, "/u/data", LARGE, LARGE[:77])
    assert await content(driver, "/u/data") == LARGE + LARGE[:77]


async def a_writer_that_wrote_nothing_leaves_an_empty_file(driver: Driver) -> None:
    await append(driver, "/u/data")
    assert await content(driver, "/u/data") == b""


async def a_second_writer_is_busy_until_the_first_closes(driver: Driver) -> None:
    first = await driver.writer("/u/data")
    with pytest.raises(PathBusy):
        await driver.writer("/u/data")
    await first.write([b"kept"])
    other = await driver.writer("/u/other")
    await other.close()
    await first.close()
    second = await driver.writer("/u/data")
    assert second.size == 4
    await second.close()
