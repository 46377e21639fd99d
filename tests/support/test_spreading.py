"""The order in which files begin leaves none out, and its tables name what there is."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.support.spreading import ALONE, ENGINES, LONG, TESTS, in_turn, place

FILES = sorted(TESTS.rglob("test_*.py"))


@pytest.mark.parametrize("name", [*ALONE, *ENGINES, *LONG])
def test_what_a_table_names_is_there(name: str) -> None:
    assert (TESTS / name).exists()


def test_what_runs_alone_is_where_it_is_looked_for() -> None:
    assert all(name.startswith("faults/") for name in ALONE)
    assert "-m alone tests/faults\n" in (TESTS.parent / "Makefile").read_text()


def test_every_file_has_a_turn_of_its_own() -> None:
    turns = in_turn([*FILES, *FILES[:10]])
    assert set(turns) == set(FILES)
    assert sorted(turns.values()) == list(range(len(FILES)))


def test_what_shares_the_engines_begins_first_and_long_files_have_short_ones_between() -> None:
    names = [place(path) for path in in_turn(FILES)]
    engines = [name.startswith(ENGINES) for name in names]
    assert engines == sorted(engines, reverse=True)
    long = [number for number, name in enumerate(names) if name in LONG]
    assert [names[number] for number in long] == list(LONG)
    assert all(after - before > 1 for before, after in pairwise(long))
    assert long[-1] < len(names) - 10
