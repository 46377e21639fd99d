"""kill -9 of the whole server at random moments, while clients push new tags and overwrite old ones.

A kill keeps what the operating system has cached, so this shows that writes are atomic; that they survive
a loss of power is shown where storage operations are replayed.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.faults.crash_run import crash_run
from tests.faults.target import seed

LANES = 2  # registries of their own side by side: most of a life is waiting for the start


@pytest.mark.parametrize("kills", [100, pytest.param(1000, marks=pytest.mark.soak)])
def test_a_killed_server_keeps_every_acknowledged_image_and_heals_by_a_new_push(
    ram_path: Path, kills: int
) -> None:
    first = seed()
    with ProcessPoolExecutor(LANES, multiprocessing.get_context("spawn")) as lanes:
        runs = [
            lanes.submit(crash_run, str(ram_path / str(lane)), kills // LANES, first + lane)
            for lane in range(LANES)
        ]
        outcomes = [run.result() for run in runs]
    problems = [problem for outcome in outcomes for problem in outcome.problems]
    print(
        f"{kills} kills, {sum(outcome.acknowledged for outcome in outcomes)} new images acknowledged,"
        f" {sum(outcome.unanswered for outcome in outcomes)} pushes cut,"
        f" slowest start {max(outcome.slowest_start_seconds for outcome in outcomes):.2f} s"
    )
    assert not problems, f"{len(problems)} problems with seed {first}, the first:\n" + "\n".join(
        problems[:20]
    )
    assert sum(outcome.unanswered for outcome in outcomes) >= kills, (
        "the kills hit no push: nothing was tested"
    )
