"""Bytes that are hardly HTTP: the server survives every one of them, and goes on answering."""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.images import make_image
from tests.faults.raw_fuzz import raw_fuzz
from tests.faults.target import registry, seed
from tests.support.server import running

PROCESSES = 2


@pytest.mark.parametrize("inputs", [2_000, pytest.param(200_000, marks=pytest.mark.soak)])
def test_no_bytes_on_the_socket_break_the_server(ram_path: Path, inputs: int) -> None:
    first = seed()
    image = make_image(random.Random(first))
    limits = "  limits: {headertimeout: 5s, bodytimeout: 5s, sendtimeout: 8s}\n"
    with running(registry(ram_path, extra=limits)) as server:
        with Client(server.port) as client:
            client.push("raw/kept", "latest", image)
        processes = server.pids()
        with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
            runs = [
                pool.submit(raw_fuzz, server.port, first + number, inputs // PROCESSES)
                for number in range(PROCESSES)
            ]
            results = [run.result() for run in runs]
        statuses = sum((result.statuses for result in results), Counter[int]())
        print(f"answers {dict(sorted(statuses.items()))}, none to {sum(r.unanswered for r in results)}")
        # One may have started after the first answer.
        assert set(processes) <= set(server.pids()), "a worker died and was replaced"
        faults = sum((result.faults for result in results), Counter[str]())
        examples = [example for result in results for example in result.examples]
        assert not faults, f"{dict(faults)}, of each the first:\n" + "\n".join(sorted(examples))
        with Client(server.port) as client:
            assert not client.fault_in("raw/kept", "latest", image), "the kept image is not served any more"
