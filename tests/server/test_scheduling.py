"""No thread of a worker takes the processor from another one."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import pytest

from moorage.server.scheduling import wake_without_preempting
from tests.faults.processes import worker_pids
from tests.support.server import moorage_server, running

Run = Callable[[Callable[[], int]], int]


def policy() -> int:
    return os.sched_getscheduler(0)


@pytest.fixture
def other() -> Run:
    """Runs something in another thread: a policy is that of a thread."""

    def run(function: Callable[[], int]) -> int:
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(function).result()

    return run


def test_all_threads_of_all_workers_wait_for_a_processor(tmp_path: Path) -> None:
    with running(moorage_server(tmp_path)) as server:
        with urlopen(f"{server.url}/v2/") as answer:
            assert answer.status == 200
        for pid in worker_pids(server):
            threads = os.listdir(f"/proc/{pid}/task")
            assert len(threads) > 1
            assert {os.sched_getscheduler(int(thread)) for thread in threads} == {os.SCHED_BATCH}


def test_a_policy_that_an_operator_has_chosen_stays(other: Run) -> None:
    def chosen() -> int:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        wake_without_preempting()
        return policy()

    assert other(chosen) == os.SCHED_IDLE


def test_a_sandbox_that_forbids_it_stops_nothing(other: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    def refused() -> int:
        wake_without_preempting()
        return policy()

    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    assert other(refused) == os.SCHED_OTHER
