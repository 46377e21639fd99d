"""Of which parts an object is made: numbers alone, at the limits of S3."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from moorage.drivers.objectstore.limits import MIB, USUAL, Limits, part_size
from moorage.drivers.objectstore.parts import Part, Range, parts

GIB = 1 << 30
TIB = 1 << 40
FEW = Limits(parts=20, copy=200 * MIB, segment=160 * MIB)


def laid(sizes: Sequence[int], least: int, limits: Limits) -> list[Part]:
    """The parts, which have to be what every store takes, and all of the sources in their order."""
    sources = [(str(number), size) for number, size in enumerate(sizes)]
    found = parts(sources, least, limits)
    assert [part.number for part in found] == list(range(1, len(found) + 1))
    assert len(found) <= limits.parts
    assert len({part.size for part in found[:-1]}) <= 1
    assert all(limits.least_part <= part.size <= limits.copy for part in found[:-1])
    assert found[-1].size <= found[0].size
    at = {source: 0 for source, _ in sources}
    order = []
    for one in (one for part in found for one in part.ranges):
        assert one.start == at[one.source] < one.stop
        at[one.source] = one.stop
        order.append(int(one.source))
    assert order == sorted(order)
    assert [at[source] for source, _ in sources] == list(sizes)
    return found


@pytest.mark.parametrize("size", [60 * GIB, 200 * GIB, 400 * GIB, 5 * TIB], ids=str)
def test_what_came_in_one_request_is_copied_whole_however_long(size: int) -> None:
    full, rest = divmod(size - 12_345, USUAL.segment)
    found = laid([USUAL.segment] * full + [rest], 32 * MIB, USUAL)
    assert all(part.copied(USUAL) for part in found)


@pytest.mark.parametrize(
    "size", [5 * MIB, 11 * MIB // 2, 10 * MIB + 1, 95 * MIB, 100_000_000, GIB - 1], ids=str
)
def test_chunks_of_one_size_are_copied_whole(size: int) -> None:
    found = laid([size] * 20 + [3], 32 * MIB, USUAL)
    assert all(part.copied(USUAL) for part in found)


@pytest.mark.parametrize("more", [10, 100])
def test_a_broken_request_in_between_costs_one_part_that_is_read(more: int) -> None:
    first = 7 * GIB + 4321
    sizes = [4 * GIB, first - 4 * GIB, 12 * GIB - first, *[4 * GIB] * more, 77]
    found = laid(sizes, 32 * MIB, USUAL)
    assert len([part for part in found if not part.copied(USUAL)]) == 1


def test_a_part_in_two_objects_is_read() -> None:
    found = laid([47, 8 * MIB], 5 * MIB, FEW)
    assert found == [
        Part(1, (Range("0", 0, 47, 47), Range("1", 0, 5 * MIB - 47, 8 * MIB))),
        Part(2, (Range("1", 5 * MIB - 47, 8 * MIB, 8 * MIB),)),
    ]
    assert [part.copied(FEW) for part in found] == [None, found[1].ranges[0]]


def test_of_a_small_object_no_range_is_copied() -> None:
    assert Part(1, (Range("a", 0, 5 * MIB, 5 * MIB),)).copied(USUAL)
    assert Part(1, (Range("a", 1, 5 * MIB, 5 * MIB),)).copied(USUAL) is None
    assert Part(1, (Range("a", 1, 5 * MIB, 5 * MIB + 1),)).copied(USUAL)


def test_any_objects_make_parts_that_every_store_takes() -> None:
    source = random.Random(16)
    for _ in range(2_000):
        most = source.choice((1, 20, 160)) * MIB
        sizes = [source.randint(1, most) for _ in range(source.randint(1, 20))]
        laid(sizes, source.randint(5, 40) * MIB, FEW)


def test_long_pieces_end_at_multiples_of_four_gibibytes_and_none_is_too_long_to_be_copied() -> None:
    assert [USUAL.cut(start * GIB) // GIB for start in range(10)] == [4, 4, 4, 4, 8, 8, 8, 8, 12, 12]
    for start in (1, 3 * GIB - 1, 3 * GIB + 1, 4 * GIB - 1, 7 * GIB + 4321):
        stop = USUAL.cut(start)
        assert stop % USUAL.segment == 0
        assert GIB <= stop - start <= USUAL.copy


def test_parts_grow_only_as_much_as_they_must() -> None:
    assert part_size(97 * GIB, 10 * MIB, USUAL) == 10 * MIB
    assert part_size(200 * GIB, 10 * MIB, USUAL) == 21 * MIB
    assert part_size(10_000 * 21 * MIB + 1, 10 * MIB, USUAL) == 22 * MIB
    assert part_size(1, 1, USUAL) == 5 * MIB
