"""Which tests run beside which: who is alone, who stays in one process, and who begins when.

Files are spread over processes whole, for what their tests share. The longest begin first, and between two of them some short
ones: then neither do all of them load the machine at once, nor does one run on when the others have ended.
"""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

TESTS = Path(__file__).parents[1]

ALONE = (
    "faults/test_bad_connections.py",
    "faults/test_load.py",
    "faults/test_memory.py",
    "faults/test_overload.py",
)
"""Want the machine for themselves: for what they load it with, or for what they measure. `make test` looks for them in `faults`."""

ENGINES = (
    "clients/",
    "compat/test_pushed_by_clients.py",
    "docs/test_authentication.py",
    "recipes/",
    "stores/test_replicas_behind_nginx.py",
)
"""Share the container engines, which are slow to start and large: all in one process."""

LONG = (
    "faults/test_minimum_rate.py",
    "faults/test_kill.py",
    "store/test_crash.py",
    "stores/test_copying_between_stores.py",
    "stores/test_registry.py",
    "stores/test_copying.py",
    "stores/test_fault_run.py",
    "store/test_faults.py",
    "store/test_power_cut.py",
    "stores/test_large_uploads.py",
    "faults/test_fuzz.py",
    "faults/test_drain.py",
    "store/test_garbage_faults.py",
    "stores/test_caches.py",
    "drivers/objectstore/test_promises.py",
    "drivers/objectstore/test_limits.py",
    "access/test_matrix.py",
    "conformance/test_conformance.py",
    "server/test_silence.py",
    "server/test_replacing.py",
    "stores/test_foreign_objects.py",
    "stores/test_checking.py",
    "store/descriptors/test_trust_model.py",
    "store/test_garbage_model.py",
    "faults/test_worker_death.py",
    "compat/test_one_tree.py",
    "compat/test_damaged_tree.py",
    "stores/test_start.py",
    "stores/test_middleware.py",
    "letsencrypt/test_served.py",
    "stores/test_bad_input.py",
    "store/test_garbage_command.py",
    "stores/test_purging.py",
    "stores/test_calls.py",
    "drivers/objectstore/test_uploads.py",
    "api/test_upload_machine.py",
    "access/test_secrets.py",
    "faults/test_tag_race.py",
)
"""Take the longest, the longest first. A file that is missing here only makes the whole a little slower."""

LAST = 0.2
"""The share of the short files that no long one follows."""


def place(path: Path) -> str:
    """As the tables above name it."""
    return path.relative_to(TESTS).as_posix()


def is_alone(path: Path) -> bool:
    return place(path).startswith(ALONE)


def in_turn(tests: Iterable[Path]) -> dict[Path, int]:
    """The place of each file in the order in which they begin, from the file of each test."""
    return {path: number for number, path in enumerate(_mixed(Counter(tests)))}


def _mixed(counts: Counter[Path]) -> Iterator[Path]:
    files = [path for path, _ in counts.most_common()]
    engines = [path for path in files if place(path).startswith(ENGINES)]
    long = sorted((path for path in files if _rank(path) < len(LONG)), key=_rank)
    short = [path for path in files if path not in {*engines, *long}]
    yield from engines
    step = int(len(short) * (1 - LAST) / max(1, len(long)))
    for number, path in enumerate(long):
        yield path
        yield from short[number * step : (number + 1) * step]
    yield from short[len(long) * step :]


def _rank(path: Path) -> int:
    return next((number for number, start in enumerate(LONG) if place(path).startswith(start)), len(LONG))


def load_in_turn(files: Sequence[Path], worker: int, workers: int) -> None:
    """Load the modules of these tests, from another one on in each process. They all load all of them, and what one has compiled the others
    need not: beginning with the same, all would compile it at the same time."""
    start = len(files) * worker // workers
    for file in (*files[start:], *files[:start]):
        # Collecting it tells what is wrong with it.
        with contextlib.suppress(Exception, pytest.skip.Exception), warnings.catch_warnings():
            warnings.simplefilter("error")
            importlib.import_module(".".join(file.relative_to(TESTS.parent).with_suffix("").parts))


class Spreading(LoadFileScheduling):  # type: ignore[misc]
    """Files whole and in the order of the tests; what shares the engines is like one file."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "engines" if file.removeprefix("tests/").startswith(ENGINES) else file
