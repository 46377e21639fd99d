"""Uploads that go on, but hardly: each byte in time, and not enough of them."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.faults.bad_clients import Behaviour, half_an_upload, hold
from tests.faults.target import registry
from tests.support.server import running

PATIENCE_SECONDS = 150.0  # the rate is measured over a minute, and cut at the end of it


@pytest.mark.parametrize("drips", [500, pytest.param(5000, marks=pytest.mark.soak)])
def test_uploads_of_one_byte_a_second_are_cut_off(tmp_path: Path, many_open_files: None, drips: int) -> None:
    behaviour = Behaviour(half_an_upload("patient/app"), drips=True)
    with (
        running(registry(tmp_path)) as server,
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,
    ):
        held = pool.submit(
            hold, server.port, [behaviour], drips, PATIENCE_SECONDS, tmp_path / "never"
        ).result()
    assert held.opened == drips
    assert held.still_open == 0, f"{held.still_open} of {held.opened} still open after {held.seconds:.0f} s"
    assert held.seconds > 30.0, "they were cut off for something else"
