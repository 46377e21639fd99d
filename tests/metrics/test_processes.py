"""What is told of processes, with processes of this test."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
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
