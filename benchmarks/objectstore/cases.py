"""What the cases over a store have beyond the others."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.workloads.base import Case, Load

REGISTRIES = ("moorage", "v3", "v2")


@dataclass(frozen=True, slots=True)
class StoreCase(Case):
    """`before` is a load that goes before the measured one; `peers` are those that it is measured with; each call to the store takes
    `delay_ms` longer than it does here, and the way to it remembers; `rehearsed` by another process of the same registry, so that the
    store has answered everything once; `pusher` is the registry that filled the bucket; with `tls`, the store is reached over HTTPS."""

    before: Load | None = None
    peers: tuple[str, ...] = REGISTRIES
    delay_ms: float = 0.0
    rehearsed: bool = False
    pusher: str = "moorage"
    tls: bool = False

    @property
    def of_registries(self) -> bool:
        """Else it is a client of the store that is measured."""
        return self.peers == REGISTRIES
