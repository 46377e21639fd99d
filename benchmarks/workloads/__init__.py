"""All workloads, in the order in which they are run and reported."""

from __future__ import annotations

from benchmarks.workloads import blobs, contention, manifests, pushes, signing_in, telling, tls
from benchmarks.workloads.base import Workload

ALL: tuple[Workload, ...] = (
    *manifests.WORKLOADS,
    *blobs.WORKLOADS,
    *pushes.WORKLOADS,
    *contention.WORKLOADS,
    *tls.WORKLOADS,
    *signing_in.WORKLOADS,
    *telling.WORKLOADS,
)
