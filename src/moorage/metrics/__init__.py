"""Metrics for Prometheus, right across worker processes.

    counts = metrics.build(shared.metrics)             # in each worker; None: nobody counts
    counts.observer, counts.metered(driver)            # what counts, and counts.counted(descriptors)
    facts = metrics.Facts(driver, shared.metrics, certificate=shared.certificate, notifications=…)
    counts.page(await facts.families())                # what Prometheus reads: bytes, of metrics.CONTENT_TYPE

    numbers       numbers in a file, which outlive the process that counts; read first
    slots         which files a worker counts in, so that there are not more and more of them
    series        counters, gauges and histograms over such numbers
    requests      what is counted of requests; `repositories`: pulls and pushes of each
    operations    what is counted of the storage; `descriptors`: of the cache
    counting      all of these: what a worker counts
    facts         what is not counted but asked: queues, `collections`, the certificate
    processes     what the system knows of the server
    page          what Prometheus reads; `told`: facts in its form

Only `page` and `told` import prometheus_client, when a page is asked for.
"""

from __future__ import annotations

import logging
from typing import Final

from moorage.metrics.counting import Metrics
from moorage.metrics.facts import Facts

__all__ = ["CONTENT_TYPE", "Facts", "Metrics", "build"]

log = logging.getLogger(__name__)

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def build(folder: str) -> Metrics | None:
    """`folder` is shared by the workers of a server; empty: nobody counts. Nor does a worker for whose counts there is no room, for
    serving comes first."""
    if not folder:
        return None
    try:
        return Metrics(folder)
    except OSError as error:
        log.error("this worker does not count for Prometheus", extra={"reason": str(error)})
        return None
