"""What a process remembers stays within its bound."""

from __future__ import annotations

import tracemalloc

from moorage.drivers.bounded import ENTRY_BYTES, Bounded

TWO = 2 * (ENTRY_BYTES + len("a") + 100)


def kept(values: Bounded[bytes], keys: str) -> str:
    return "".join(key for key in keys if key in values)


def test_the_least_recently_used_is_forgotten() -> None:
    values = Bounded[bytes](TWO)
    for key in "ab":
        values.put(key, key.encode(), 100)
    assert values.get("a") == b"a"
    values.put("c", b"c", 100)
    assert kept(values, "abc") == "ac"
    assert values.get("b") is None


def test_what_is_put_again_takes_its_room_once() -> None:
    values = Bounded[bytes](TWO)
    values.put("a", b"a", 100)
    for number in range(5):
        values.put("b", bytes([number]), 100)
    assert kept(values, "ab") == "ab"
    assert values.get("b") == bytes([4])


def test_what_is_taken_leaves_its_room_to_others() -> None:
    values = Bounded[bytes](TWO)
    values.put("a", b"a", 100)
    for _ in range(5):
        values.put("b", b"b", 100)
        assert values.take("b") == b"b"
        assert values.take("b") is None
    assert kept(values, "ab") == "a"


def test_what_is_larger_than_the_bound_is_not_kept() -> None:
    values = Bounded[bytes](TWO)
    for key in "ab":
        values.put(key, key.encode(), 100)
    values.put("c", b"c", TWO)
    assert kept(values, "abc") == "ab"
    values.put("b", b"b", TWO)
    assert kept(values, "abc") == "a"


def test_keys_and_many_small_values_take_no_more_memory_than_the_bound() -> None:
    for length in (10, 900):
        values = Bounded[bytes](1 << 20)
        tracemalloc.start()
        try:
            for number in range(10_000):
                values.put(f"{number:0{length}}", number.to_bytes(2), 2)
            taken = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert taken < 1 << 20
