"""A tag that is overwritten while it is read shows the old image or the new one, and never an error."""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.images import Image, make_image
from tests.faults.readers import Reading, read_tag
from tests.faults.target import registry
from tests.support.server import running

PROCESSES = 2
READERS = 3  # connections of each process
NAME = "race/app"


def overwrite_until_done(client: Client, images: list[Image], readings: list[Future[Reading]]) -> int:
    """One image after the other under one tag; how many pushes there were."""
    pushes = 0
    while not all(reading.done() for reading in readings):
        client.put_manifest(NAME, "hot", images[pushes % len(images)])
        pushes += 1
    return pushes


@pytest.mark.parametrize("reads", [10_000, pytest.param(200_000, marks=pytest.mark.soak)])
def test_a_tag_read_while_it_is_overwritten_shows_one_of_the_pushed_images(
    ram_path: Path, reads: int
) -> None:
    images = [make_image(random.Random(number)) for number in range(2)]
    known = {image.manifest: image.digest for image in images}
    with running(registry(ram_path)) as server, Client(server.port) as client:
        for image in images:
            client.push(NAME, "hot", image)
        with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
            futures = [
                pool.submit(read_tag, server.port, NAME, "hot", known, READERS, reads // PROCESSES)
                for _ in range(PROCESSES)
            ]
            pushes = overwrite_until_done(client, images, futures)
            readings = [future.result() for future in futures]
    faults = [fault for reading in readings for fault in reading.faults]
    shown = sum((reading.shown for reading in readings), Counter[str]())
    print(f"{pushes} pushes, {shown.total()} good reads, {len(faults)} faults")
    assert not faults, f"{len(faults)} of {reads} reads failed, the first:\n" + "\n".join(faults[:10])
    assert set(shown) == set(known.values()), "the readers never saw both images: the race did not happen"
