"""A disk that fills up: a clear refusal, reads that go on, nothing half-written, and life after it is freed."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.client import Client, UnexpectedAnswer
from tests.faults.history import TagHistory
from tests.faults.images import Image, make_image
from tests.faults.target import collect_garbage, empty_files, files, registry, seed
from tests.faults.wire import Answer
from tests.support import disks
from tests.support.server import running

NAME = "full/app"
DISK = "24m"
BALLAST_BYTES = 1 << 20  # a file beside the registry, removed to make room
PUSHERS = 8
REFUSALS = 25  # each pusher goes on until it was refused so often
ORDINARY_FILES = ("data", "link", "startedat")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    with disks.small_disk(tmp_path / "disk", DISK) as disk:
        yield disk


@dataclass
class Filling:
    """What the pushers did. Tags of their own are `kept`, the shared one has a history."""

    kept: list[tuple[str, Image]] = field(default_factory=list)
    refused: list[Answer] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    hot: TagHistory = field(default_factory=TagHistory)


def fill(port: int, pusher: str, filling: Filling) -> None:
    """Push new tags and overwrite one until refused often enough."""
    source = random.Random(pusher)
    refusals = count = 0
    with Client(port) as client:
        while refusals < REFUSALS:
            count += 1
            image = make_image(source, layer_bytes=source.choice([3_000, 60_000, 250_000]))
            hot = source.random() < 0.3
            tag = "hot" if hot else f"own-{pusher}-{count}"
            write = (filling.hot if hot else TagHistory()).begin(image)
            try:
                client.push(NAME, tag, image)
            except UnexpectedAnswer as error:
                refusals += 1
                filling.refused.append(error.answer)
            except OSError as error:
                refusals += 1
                filling.faults.append(f"no answer but {error!r}")
            else:
                filling.hot.acknowledge(write)
                if not hot:
                    filling.kept.append((tag, image))


def unclear(answer: Answer) -> bool:
    """Whether a refusal is anything but a 507 with a code and a message."""
    try:
        first = json.loads(answer.body)["errors"][0]
        return answer.status != 507 or not first["code"] or not first["message"]
    except (ValueError, LookupError, TypeError):
        return True


def broken(client: Client, filling: Filling) -> list[str]:
    """Acknowledged images that cannot be pulled byte for byte."""
    faults = [client.fault_in(NAME, tag, image) for tag, image in filling.kept]
    answer = client.get_manifest(NAME, "hot")
    if not filling.hot.seen(answer.body if answer.status == 200 else None):
        faults.append(f"the overwritten tag shows {answer}")
    return [fault for fault in faults if fault]


def leftovers(root: Path) -> list[str]:
    """Files that a refused write left: temporary ones, empty ones, bytes of uploads that failed."""
    strange = [
        f"{path}, {size} bytes"
        for path, size in files(root / "docker/registry/v2")
        if Path(path).name not in ORDINARY_FILES or ("/_uploads/" in path and path.endswith("/data") and size)
    ]
    return strange + [f"{path}, empty" for path in empty_files(root)]


def fill_disk(port: int, filling: Filling, seeded: int) -> None:
    """Eight pushers at once until each was refused often enough."""
    pushers = [
        threading.Thread(target=fill, args=(port, f"{seeded}-{number}", filling)) for number in range(PUSHERS)
    ]
    for pusher in pushers:
        pusher.start()
    for pusher in pushers:
        pusher.join()
    filling.hot.crash()
    print(f"{len(filling.kept)} images acknowledged, {len(filling.refused)} pushes refused")


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_a_full_disk_is_refused_clearly_and_costs_nothing_that_was_acknowledged(
    small_disk: Path, tmp_path: Path, rounds: int
) -> None:
    first = seed()
    ballast = [small_disk / f"ballast-{number}" for number in range(rounds)]
    for file in ballast:
        file.write_bytes(bytes(BALLAST_BYTES))
    server = registry(tmp_path / "server", root=small_disk / "data")
    filling = Filling()
    with running(server):
        for number, file in enumerate(ballast):
            fill_disk(server.port, filling, first + number)
            assert not filling.faults, filling.faults[:5]
            bad = [str(answer) for answer in filling.refused if unclear(answer)]
            assert not bad, f"{len(bad)} of {len(filling.refused)} refusals are not a clear 507: {bad[:5]}"
            with Client(server.port) as client:
                assert not broken(client, filling), "an acknowledged image is broken on the full disk"
                assert not leftovers(server.root), "refused writes left files"
                file.unlink()
                client.push(NAME, f"after-{number}", make_image(random.Random(first + number)))
    with running(server), Client(server.port) as client:
        assert not broken(client, filling), "an acknowledged image is broken after a restart"
        collected = collect_garbage(server)
        assert collected.returncode == 0, collected.stdout[-1000:]
        assert not broken(client, filling), "an acknowledged image is broken after a collection"
