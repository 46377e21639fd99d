"""The page that Prometheus reads: the counts of all workers, and the facts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from prometheus_client import Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from moorage.metrics import families, slots
from moorage.metrics.processes import usage

log = logging.getLogger(__name__)


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def page(folder: Path, launcher: int, extra: Iterable[Metric], unreadable: set[str]) -> bytes:
    """The page. `launcher`: process id of the workers' parent. `extra`: metric families to add. `unreadable`: files whose damage has
    been logged; others are added."""
    held = slots.slots(folder)
    counted = _merged(list(slots.files(folder, held)), unreadable)
    used = usage(launcher, [slot.pid for slot in held])
    ours = families.processes(used, sum(slot.alive for slot in held))
    all_families = [*counted, *extra, *ours, families.build()]
    return generate_latest(_Families(sorted(all_families, key=lambda family: family.name)))


def _merged(files: Sequence[str], unreadable: set[str]) -> Iterable[Metric]:
    """The sums of all files that can be read."""
    try:
        return _merge(files)
    except Exception:
        # The library raises errors of many types, none of which names the file.
        return _merge([file for file in files if _readable(file, unreadable)])


def _readable(file: str, unreadable: set[str]) -> bool:
    try:
        _merge([file])
    except Exception as error:
        if file not in unreadable:
            log.error("counts cannot be read", extra={"path": file, "reason": str(error)})
        unreadable.add(file)
        return False
    return True


def _merge(files: Sequence[str]) -> Iterable[Metric]:
    merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
    return merged
