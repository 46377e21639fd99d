"""The power fails under a real file system, while clients push, overwrite and remove.

The disk is a file: a copy of it, made while the server stands still, is what is left when the machine's memory is gone. On each copy a
server is started, which finds everything that was acknowledged.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.images import make_image
from tests.faults.platter import BTRFS, EXT4, XFS, FileSystem, cut, device_of, formatted, mounted
from tests.faults.power_run import NAME, PowerRun, stopped
from tests.faults.target import seed
from tests.support.server import Server, moorage_server, running

WORKERS = 2

CARELESS = """
from moorage.drivers.journal.records import encode
from moorage.drivers.journal.segments import Segment

def append(self, entries):
    self._disk.write(self._fd, encode(entries, self._key))

Segment.append = append

from moorage.cli import main

main()
"""
"""A server that does not sync what it appends to its journal."""


def careful(folder: Path, root: Path) -> Server:
    return moorage_server(folder, root=root, extra=f"  workers: {WORKERS}\n")


def careless(folder: Path, root: Path) -> Server:
    server = careful(folder, root)
    server.command[:1] = [sys.executable, "-c", CARELESS]
    return server


def test_a_disk_that_failed_alone_and_is_mounted_again_has_what_was_acknowledged(ram_path: Path) -> None:
    """The machine goes on, and the device has the same number: a volume that was detached, or put back to a snapshot."""
    image = make_image(random.Random(seed()))
    platter, copy = formatted(ram_path), ram_path / "copy"
    with mounted(platter, ram_path / "disk") as place:
        device = device_of(place)
        with running(careful(ram_path / "server", place / "data")) as server:
            with Client(server.port) as client:
                client.push(NAME, "latest", image)
            with stopped(server):
                cut(platter, copy)
    with (
        mounted(copy, ram_path / "disk", device=device) as place,
        running(careful(ram_path / "server", place / "data")) as server,
        Client(server.port) as client,
    ):
        assert client.fault_in(NAME, "latest", image) == ""


@pytest.mark.parametrize(
    ("system", "cuts"),
    [(EXT4, 10), *(pytest.param(system, 200, marks=pytest.mark.soak) for system in (EXT4, XFS, BTRFS))],
    ids=str,
)
def test_after_a_power_cut_everything_acknowledged_is_there(
    ram_path: Path, system: FileSystem, cuts: int
) -> None:
    first = seed()
    outcome = PowerRun(ram_path, first, careful, system=system).run(cuts)
    print(
        f"{outcome.cuts} cuts, {outcome.images} images and {outcome.removals} removals acknowledged,"
        f" {outcome.restored} journals written again"
    )
    assert not outcome.problems, f"{len(outcome.problems)} problems with seed {first}, the first:\n" + (
        "\n".join(outcome.problems[:20])
    )
    assert outcome.restored, "no cut left a journal: nothing was tested"


def test_a_server_that_does_not_sync_its_journal_is_found_out(ram_path: Path) -> None:
    """Without removals: they sync everything."""
    outcome = PowerRun(ram_path, seed(), careless, removes=False).run(3)
    assert any("should be" in problem for problem in outcome.problems), outcome
