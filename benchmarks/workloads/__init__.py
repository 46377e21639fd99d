"""All workloads, in the order in which they are run and reported."""

from __future__ import annotations

from benchmarks.workloads import blobs, contention, manifests, pushes, tls
from benchmarks.workloads.base import Workload

ALL: tuple[Workload, ...] = (
    *manifests.WORKLOADS,
    *blobs.WORKLOADS,
    *pushes.WORKLOADS,
    *contention.WORKLOADS,
    *tls.WORKLOADS,
)
