"""The page that Prometheus reads: what all workers counted, and what is told besides."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from moorage.metrics import slots, told
from moorage.metrics.processes import usage


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def page(folder: Path, launcher: int, extra: Iterable[Metric]) -> bytes:
    """`launcher` is the parent of the workers."""
    held = slots.slots(folder)
    counted = MultiProcessCollector.merge(list(slots.files(folder, held)))  # type: ignore[no-untyped-call]
    used = usage(launcher, [slot.pid for slot in held])
    ours = told.processes(used, sum(slot.alive for slot in held))
    families = [*counted, *extra, *ours, told.build()]
    return generate_latest(_Families(sorted(families, key=lambda family: family.name)))
