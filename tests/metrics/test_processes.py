"""What is told of processes, with processes of this test."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from moorage.metrics.processes import usage

HOLDING = """
import os, resource, sys
limit, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(wanted - len(os.listdir("/proc/self/fd")) + 1)]
print(flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def holding(limit: int, files: int) -> Iterator[int]:
    """A process that may open `limit` files and has so many open: its id."""
    command = [sys.executable, "-c", HOLDING, str(limit), str(files)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"\n"
        yield process.pid
        process.stdin.close()


def test_one_process_that_nears_its_limit_is_not_hidden_by_those_with_few_files() -> None:
    with holding(100, 90) as full, holding(5000, 10) as idle, holding(5000, 20) as other:
        found = usage(os.getpid(), [idle, full, other])
    assert found.fullest == 0.9
    assert found.files / found.file_limit < 0.1, "the sums tell nothing of it"


def test_a_worker_that_is_gone_has_no_files() -> None:
    with holding(100, 90) as gone:
        pass
    assert 0 < usage(os.getpid(), [gone]).fullest < 0.9


def test_processor_time_does_not_go_back_when_a_worker_is_reaped() -> None:
    """Workers end one after the other while it is read; each has used twenty times what is too little to be seen."""
    forking = multiprocessing.get_context("fork")
    running: list[int] = []
    over = threading.Event()

    def replace() -> None:
        while not over.is_set():
            worker = forking.Process(target=_use_processor, args=(0.2,))
            worker.start()
            assert worker.pid is not None
            running[:] = [worker.pid]
            worker.join()

    replacing = threading.Thread(target=replace)
    replacing.start()
    most, end = 0.0, time.monotonic() + 4
    try:
        while time.monotonic() < end:
            found = usage(os.getpid(), list(running)).cpu
            assert found > most - 0.1
            most = max(most, found)
    finally:
        over.set()
        replacing.join()


def _use_processor(seconds: float) -> None:
    while time.process_time() < seconds:
        pass
