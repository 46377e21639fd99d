"""Crowds of pulls and pushes: every one is right, and memory stays within its bound."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.crowds import blob_bytes, pull_crowd, push_crowd, wait_for
from tests.faults.memory import MIB, MemoryWatch
from tests.faults.target import registry
from tests.support.server import running

NAME = "crowd/app"
PROCESSES = 2
BASE_BYTES = 200 * MIB  # what the processes of an idle server may take; the rest is per transfer
STALL_SECONDS = 2.0  # what has piled up in the server by then is what it lets pile up


@dataclass(frozen=True)
class Transfers:
    """Each of so many bytes: of pulls, more than the buffers of a socket hold."""

    count: int
    size: int


def bound(at_full_size: int, count: int, full_count: int) -> int:
    """The bound in bytes for fewer transfers than the full size, `at_full_size` MiB, allows."""
    return BASE_BYTES + (at_full_size * MIB - BASE_BYTES) * count // full_count


@pytest.mark.parametrize(
    "pulls",
    [Transfers(300, 5 * MIB), pytest.param(Transfers(1000, 20 * MIB), marks=pytest.mark.soak)],
    ids=str,
)
def test_stalled_pulls_take_little_memory_and_all_match_when_they_drain(
    ram_path: Path, pulls: Transfers
) -> None:
    each = pulls.count // PROCESSES
    drain, stalled = ram_path / "drain", [ram_path / f"stalled-{number}" for number in range(PROCESSES)]
    with (
        running(replace(registry(ram_path), measured=True)) as server,
        ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool,
    ):
        with Client(server.port) as client:
            digest = client.push_blob(NAME, blob_bytes(pulls.size))
        target = f"/v2/{NAME}/blobs/{digest}"
        with MemoryWatch(server) as watch:
            crowds = [
                pool.submit(pull_crowd, server.port, target, pulls.size, each, mark, drain)
                for mark in stalled
            ]
            for mark in stalled:
                wait_for(mark)
            time.sleep(STALL_SECONDS)
            while_stalled = watch.peak
            drain.touch()
            results = [crowd.result() for crowd in crowds]
    faults = [fault for result in results for fault in result.faults]
    print(f"{pulls}: {while_stalled // MIB} MiB stalled, {watch.peak // MIB} MiB at the peak")
    assert not faults, f"{len(faults)} of {pulls.count} pulls failed: {faults[:5]}"
    assert sum(result.right for result in results) == pulls.count
    assert while_stalled <= bound(512, pulls.count, 1000), f"{while_stalled // MIB} MiB while stalled"
    assert watch.peak <= bound(800, pulls.count, 1000), f"{watch.peak // MIB} MiB at the peak"


@pytest.mark.parametrize(
    "pushes",
    [Transfers(60, 10 * MIB), pytest.param(Transfers(200, 50 * MIB), marks=pytest.mark.soak)],
    ids=str,
)
def test_many_pushes_at_once_all_succeed_in_little_memory(ram_path: Path, pushes: Transfers) -> None:
    each = pushes.count // PROCESSES
    with (
        running(replace(registry(ram_path), measured=True)) as server,
        ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool,
        MemoryWatch(server) as watch,
    ):
        crowds = [
            pool.submit(push_crowd, server.port, NAME, pushes.size, range(first, first + each))
            for first in range(0, pushes.count, each)
        ]
        results = [crowd.result() for crowd in crowds]
    faults = [fault for result in results for fault in result.faults]
    print(f"{pushes}: {watch.peak // MIB} MiB at the peak")
    assert not faults, f"{len(faults)} of {pushes.count} pushes failed: {faults[:5]}"
    assert sum(result.right for result in results) == pushes.count
    assert watch.peak <= bound(400, pushes.count, 200), f"{watch.peak // MIB} MiB at the peak"
