"""Thousands of connections that do nothing, or next to nothing: the server cuts them off, and the good
clients beside them never wait."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contracts.disk import fast_folder
from tests.faults.bad_clients import Behaviour, good_gets, half_an_upload, hold
from tests.faults.client import Client
from tests.faults.images import make_image
from tests.faults.target import registry
from tests.faults.wire import request_bytes, request_head
from tests.support.server import Server, running

NAME = "patient/app"
BAD_SHARE = 0.001
BLOB_BYTES = 20 << 20

STALLED = "stalled download"
SILENT = ("no byte", "half a header", "idle after an answer", "half a manifest", "half an upload")


@dataclass(frozen=True)
class Scale:
    """How many bad clients of each kind, how long good ones may take, and how long the server until it cuts the bad ones off."""

    connections: int
    limits: str
    good_seconds: float
    close_seconds: float
    close_stalled_seconds: float


# The short one runs on machines that are busy: there, only who waits for the end of bad clients is told from who does not.
SHORT = Scale(1200, "  limits: {headertimeout: 3s, bodytimeout: 3s, sendtimeout: 5s}\n", 2.0, 20.0, 30.0)
FULL = Scale(5000, "", 0.25, 30.0, 120.0)


@dataclass(frozen=True)
class Scene:
    """A server with an image and a large blob, and processes to play the clients."""

    scale: Scale
    server: Server
    pool: ProcessPoolExecutor
    blob: str


@pytest.fixture(scope="module")
def scene(request: pytest.FixtureRequest, many_open_files: None) -> Iterator[Scene]:
    scale: Scale = request.param
    with (
        fast_folder() as folder,
        running(registry(folder, extra=scale.limits)) as server,
        ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool,
    ):
        with Client(server.port) as client:
            client.push(NAME, "latest", make_image(random.Random(0)))
            blob = client.push_blob(NAME, random.Random(1).randbytes(BLOB_BYTES))
        favour(server)
        yield Scene(scale, server, pool, blob)


def favour(server: Server) -> None:
    """The question is whether the server waits for bad clients, not whether the machine is busy with others."""
    with contextlib.suppress(PermissionError):
        for pid in server.pids():
            os.setpriority(os.PRIO_PROCESS, pid, -10)


def behaviours(scene: Scene) -> dict[str, Behaviour]:
    return {
        "no byte": Behaviour(b""),
        "half a header": Behaviour(b"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: "),
        "idle after an answer": Behaviour(request_bytes("GET", "/v2/"), reads_answer=True),
        "half a manifest": Behaviour(
            request_head("PUT", f"/v2/{NAME}/manifests/half", {"Content-Length": "1000"}) + b"{"
        ),
        "half an upload": Behaviour(half_an_upload(NAME)),
        # The server fills the buffers of each with megabytes before it stalls: half as many a second.
        STALLED: Behaviour(
            request_bytes("GET", f"/v2/{NAME}/blobs/{scene.blob}"), receive_buffer=4 << 10, per_second=200
        ),
    }


def check(scene: Scene, stop: Path, kinds: Sequence[str], connections: int) -> None:
    scale, port = scene.scale, scene.server.port
    patience = scale.close_stalled_seconds if STALLED in kinds else scale.close_seconds
    bad_ones = [behaviours(scene)[kind] for kind in kinds]
    good = scene.pool.submit(good_gets, port, f"/v2/{NAME}/manifests/latest", scale.good_seconds, stop)
    bad = scene.pool.submit(hold, port, bad_ones, connections, patience, stop)
    try:
        held = bad.result()
    finally:
        # Else the good ones would go on for ever.
        stop.touch()
    served = good.result()
    print(f"{kinds}: {held}; {served.in_time} good answers, {len(served.faults)} bad: {served.faults[:5]}")
    assert held.still_open == 0, f"{held.still_open} of {held.opened} still open after {patience} s"
    allowed = max(1.0, BAD_SHARE * served.total)
    assert len(served.faults) <= allowed, (
        f"{len(served.faults)} of {served.total} good requests suffered: {served.faults[:10]}"
    )


@pytest.mark.parametrize("scene", [SHORT], ids=["short"], indirect=True)
@pytest.mark.parametrize("kinds", [SILENT, (STALLED,)], ids=["all that are silent", STALLED])
def test_bad_connections_are_cut_off_and_good_requests_do_not_wait(
    scene: Scene, tmp_path: Path, kinds: Sequence[str]
) -> None:
    check(scene, tmp_path / "stop", kinds, max(scene.scale.connections, 400 * len(kinds)))


@pytest.mark.soak
@pytest.mark.parametrize("scene", [FULL], ids=["full"], indirect=True)
@pytest.mark.parametrize("kind", [*SILENT, STALLED])
def test_thousands_of_bad_connections_of_one_kind_are_cut_off(
    scene: Scene, tmp_path: Path, kind: str
) -> None:
    check(scene, tmp_path / "stop", [kind], scene.scale.connections)
