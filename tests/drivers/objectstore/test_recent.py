"""What small uploads leave in memory stays within its limit, however small they are."""

from __future__ import annotations

import tracemalloc

from moorage.drivers.objectstore.writing import Recent

LIMIT = 1 << 20


def mark(number: int) -> str:
    return f"2@{0:015}-000000000000-{number:012x}"


def test_what_was_put_is_taken_once() -> None:
    recent = Recent(LIMIT)
    recent.put(mark(1), b"one")
    assert recent.take(mark(1)) == b"one"
    assert recent.take(mark(1)) is None


def test_uploads_of_a_few_bytes_take_no_more_memory_than_the_limit() -> None:
    recent = Recent(LIMIT)
    tracemalloc.start()
    try:
        for number in range(20_000):
            recent.put(mark(number), number.to_bytes(2))
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken < LIMIT
    assert recent.take(mark(19_999)) is not None


def test_the_oldest_goes_first() -> None:
    recent = Recent(LIMIT)
    for number in range(5):
        recent.put(mark(number), bytes(LIMIT // 4))
    assert [number for number in range(5) if recent.take(mark(number)) is not None] == [2, 3, 4]


def test_what_is_put_again_or_taken_leaves_its_room_to_others() -> None:
    recent = Recent(LIMIT)
    for _ in range(10):
        recent.put(mark(1), bytes(LIMIT // 4))
    for _ in range(10):
        recent.put(mark(2), bytes(LIMIT // 4))
        assert recent.take(mark(2)) is not None
    recent.put(mark(3), bytes(LIMIT // 4))
    assert recent.take(mark(1)) is not None
    assert recent.take(mark(3)) is not None
