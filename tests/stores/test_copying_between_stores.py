"""`moorage storage copy` between drivers of every kind, while images are pushed to the source and the copy is interrupted."""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from moorage.store.copying.registry import copy_registry
from moorage.store.copying.report import CopyReport
from tests.faults.client import Client
from tests.faults.images import Image, make_image
from tests.store.filled import filled, whole
from tests.stores.commands import checked, copied
from tests.stores.places import Place, place
from tests.stores.server import Service
from tests.support import forking
from tests.support.server import Server, moorage_command, running

DISK = "disk"
ROUTES = (
    (DISK, "azurite_store"),
    ("azurite_store", "rclone_store"),
    ("moto_store", "gcs_store"),
    ("gcs_store", DISK),
)
LONG_ROUTES = ROUTES[1::2]
"""Each kind of store is the beginning or the end of one of the others."""
Route = tuple[Service | None, Service | None]

NAME = "team/app"
WAIT_SECONDS = 60.0
INTERRUPTED = 130
MORE_THAN_A_PART = 11 << 20
SIGNALS = (signal.SIGKILL, signal.SIGINT)


@pytest.fixture
def route(request: pytest.FixtureRequest) -> Route:
    """From where and to where; None is a disk."""
    source, target = (None if kind == DISK else request.getfixturevalue(kind) for kind in request.param)
    return source, target


@pytest.fixture
def moments() -> random.Random:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return random.Random(seed)


@contextmanager
def pushing(server: Server, images: list[Image]) -> Iterator[None]:
    """What is acknowledged is appended, and its number is its tag; `newest` moves on with each. The pauses grow: a slow machine
    would have ever more to copy."""
    enough, source = threading.Event(), random.Random(len(images))

    def push() -> None:
        pause = 0.2
        while not enough.wait(pause):
            pause *= 1.5
            image = make_image(source)
            with Client(server.port) as client:
                client.push(NAME, str(len(images)), image)
                client.put_manifest(NAME, "newest", image)
            images.append(image)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(push)
        try:
            yield
        finally:
            enough.set()
        done.result()


def interrupt(source: Place, target: Place, kind: signal.Signals, calls: int) -> None:
    """A copy gets the signal while it waits for the store at the target, or at the source of a disk, after so many calls."""
    proxy = target.proxy or source.proxy
    assert proxy is not None
    copy = moorage_command("storage", "copy", "--from", str(source.config), "--to", str(target.config))
    # Tests that a shell runs in the background are born deaf to SIGINT, and so would be what they start.
    command = ["env", "--default-signal=INT", *copy]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        with proxy.holding(calls) as reached:
            deadline = time.monotonic() + WAIT_SECONDS
            while not reached.wait(0.01) and process.poll() is None and time.monotonic() < deadline:
                pass
            process.send_signal(kind)
        said, _ = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == (INTERRUPTED if kind is signal.SIGINT else -kind), said
    assert "Traceback" not in said


def served(server: Server, images: list[Image]) -> None:
    with Client(server.port) as client:
        for number, image in enumerate(images):
            assert client.fault_in(NAME, str(number), image) == ""


def filled_over_http(source: Place, images: list[Image]) -> None:
    with Client(source.server.port) as client:
        for number, image in enumerate(images):
            client.push(NAME, str(number), image)


def sound(place: Place) -> None:
    """Nothing is wrong there but what a killed copy was just sending, which no path shows, and which is purged."""
    left = {one["kind"] for one in checked(place.config, status=None)["findings"]}
    assert left <= {"unfinished-multipart-upload"}
    purged = forking.command("purge-uploads", str(place.config), "--age", "0", seconds=60)
    assert purged.returncode == 0, purged.stderr
    assert checked(place.config)["findings"] == []


def moved(source: Place, target: Place, images: list[Image], begun: int) -> None:
    """The source serves, and is pushed to no more. A copy was made after the first `begun` images."""
    sound(target)
    with running(target.server) as server:
        served(server, images[:begun])
        assert asyncio.run(copied_at_rest(source, target)).findings == []
        served(server, images)
    again = asyncio.run(copied_at_rest(source, target))
    assert (again.blobs, again.links, again.tags, again.extra_tags) == (0, 0, 0, 0)
    target.on_shelf(whole)


async def copied_at_rest(source: Place, target: Place) -> CopyReport:
    async with source.shelf() as old, target.shelf() as new:
        return await copy_registry(old.driver, new.driver)


@pytest.mark.parametrize(
    "route",
    [pytest.param(one, marks=pytest.mark.soak) if one in LONG_ROUTES else one for one in ROUTES],
    indirect=True,
    ids="-to-".join,
)
def test_a_registry_moves_while_it_serves_also_if_the_copy_is_interrupted(
    route: Route, moments: random.Random, tmp_path: Path
) -> None:
    images = [make_image(moments, layer_bytes=size) for size in (1, 100_000, MORE_THAN_A_PART)]
    begun = len(images)
    with place(tmp_path / "source", route[0]) as source, place(tmp_path / "target", route[1]) as target:
        source.on_shelf(filled)
        with running(source.server) as server:
            filled_over_http(source, images)
            with pushing(server, images):
                interrupt(source, target, moments.choice(SIGNALS), moments.randrange(100))
                assert copied(source.config, target.config)["findings"] == []
            assert len(images) > begun
            moved(source, target, images, begun)


@pytest.mark.soak
@pytest.mark.parametrize("route", ROUTES, indirect=True, ids="-to-".join)
def test_wherever_copies_are_interrupted_the_target_is_whole_and_the_next_goes_on(
    route: Route, moments: random.Random, tmp_path: Path
) -> None:
    sizes = (MORE_THAN_A_PART, 3 << 20, *[1000] * 20)
    images = [make_image(moments, layer_bytes=size) for size in sizes]
    with place(tmp_path / "source", route[0]) as source:
        source.on_shelf(filled)
        with running(source.server) as server:
            filled_over_http(source, images)
            for number in range(5):
                with place(tmp_path / str(number), route[1]) as target:
                    begun = len(images)
                    with pushing(server, images):
                        for kind in (*SIGNALS, *SIGNALS):
                            interrupt(source, target, kind, moments.randrange(200))
                            sound(target)
                        assert copied(source.config, target.config)["findings"] == []
                    moved(source, target, images, begun)
