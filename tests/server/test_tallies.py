"""The folder in which workers count: one for each server that lives."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from moorage.server import tallies
from moorage.server.errors import ServerError


def make_and_wait(place: str, made: object, over: object) -> None:
    tallies.make((place,))
    made.set()  # type: ignore[attr-defined]
    over.wait()  # type: ignore[attr-defined]


def test_what_is_in_use_stays_and_what_was_left_goes(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    made, over = context.Event(), context.Event()
    other = context.Process(target=make_and_wait, args=(str(tmp_path), made, over))
    other.start()
    try:
        assert made.wait(60)
        (theirs,) = tmp_path.iterdir()
        ours = tallies.make((str(tmp_path),))
        assert {path.name for path in tmp_path.iterdir()} == {theirs.name, Path(ours.path).name}
    finally:
        over.set()
        other.join()
    ours.remove()
    again = tallies.make((str(tmp_path),))
    assert [str(path) for path in tmp_path.iterdir()] == [again.path]
    again.remove()
    assert not list(tmp_path.iterdir())


def test_things_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"{tallies.PREFIX}file").touch()
    (tmp_path / f"{tallies.PREFIX}link").symlink_to("elsewhere")
    (tmp_path / "moorage-other").mkdir()
    before = set(tmp_path.iterdir())
    tallies.make((str(tmp_path),)).remove()
    assert set(tmp_path.iterdir()) == before


def test_the_first_place_that_takes_it(tmp_path: Path) -> None:
    made = tallies.make((str(tmp_path / "missing"), str(tmp_path)))
    assert Path(made.path).parent == tmp_path
    made.remove()
    with pytest.raises(
        ServerError, match=r"cannot count for Prometheus .*missing: No such file or directory"
    ):
        tallies.make((str(tmp_path / "missing"),))
