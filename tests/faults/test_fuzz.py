"""Requests from a grammar of right and wrong words: no crash, no 5xx, no hang, nothing told or touched
that is outside the storage."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.faults import fuzz_words as words
from tests.faults.client import Client
from tests.faults.fuzz_oracle import Oracle
from tests.faults.fuzz_run import FuzzResult, fuzz
from tests.faults.images import Image, make_image
from tests.faults.memory import MIB
from tests.faults.target import files, registry, seed
from tests.support.server import Server, running

PROCESSES = 2
SECRET = "the canary sings"


def plant_canary(folder: Path) -> Path:
    """A file beside the storage. It looks unread since before its last change, so that even a file system
    that keeps times of access lazily notes the next read."""
    canary = folder / "canary" / "secret"
    canary.parent.mkdir()
    canary.write_text(SECRET)
    changed = canary.stat().st_mtime
    os.utime(canary, (changed - 1000, changed))
    return canary


def outside(server: Server) -> dict[str, tuple[int, int, int]]:
    """Every file around the storage: size, time of change, time of access. The log is left out."""
    return {
        path: (size, os.stat(path).st_mtime_ns, os.stat(path).st_atime_ns)
        for path, size in files(server.root.parent)
        if not path.startswith(str(server.root)) and path != str(server.log)
    }


def push_known(server: Server, kept: Image) -> None:
    """The images that the grammar names, and one that it never does."""
    with Client(server.port) as client:
        for name in words.NAMES[:3]:
            for tag, image in zip(words.TAGS, words.KNOWN, strict=False):
                client.push(name, tag, image)
        client.push(words.KEPT_NAME, "kept", kept)


@pytest.mark.parametrize("requests", [50_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_no_request_of_the_grammar_breaks_the_server(ram_path: Path, requests: int) -> None:
    first = seed()
    kept = make_image(random.Random(first))
    with running(registry(ram_path)) as server:
        push_known(server, kept)
        plant_canary(ram_path)
        before, processes, memory = outside(server), server.pids(), server.rss_bytes()
        oracle = Oracle((SECRET.encode(), str(server.root).encode(), b"Traceback (most recent"))
        with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
            runs = [
                pool.submit(fuzz, server.port, first + number, requests // PROCESSES, oracle)
                for number in range(PROCESSES)
            ]
            results = [run.result() for run in runs]
        report(results, memory, server)
        faults = sum((result.faults for result in results), Counter[str]())
        examples = [example for result in results for example in result.examples]
        assert not faults, f"{dict(faults)}, of each the first:\n" + "\n".join(sorted(examples))
        # One may have started after the first answer.
        assert set(processes) <= set(server.pids()), "a worker died and was replaced"
        assert outside(server) == before, "files beside the storage were touched"
        with Client(server.port) as client:
            assert not client.fault_in(words.KEPT_NAME, "kept", kept), "an image nobody named was changed"


def report(results: list[FuzzResult], memory: int, server: Server) -> None:
    statuses = sum((result.statuses for result in results), Counter[int]())
    print(
        f"answers {dict(sorted(statuses.items()))}, none to {sum(result.unanswered for result in results)},"
        f" memory {memory // MIB} then {server.rss_bytes() // MIB} MiB"
    )
