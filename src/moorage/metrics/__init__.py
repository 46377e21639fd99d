"""Metrics for Prometheus, summed correctly over the worker processes.

    counts = metrics.build(shared.metrics)             # in each worker; None if metrics are off
    counts.observer, counts.metered(driver)            # these count, and so does counts.counted(descriptors)
    facts = metrics.Facts(driver, shared.metrics, certificate=shared.certificate, notifications=…)
    counts.page(await facts.families())                # the page for Prometheus: bytes, of metrics.CONTENT_TYPE

    numbers       numbers in a file, which outlive the process that counts; read first
    slots         which files a worker counts in, so that their number stays bounded
    series        counters, gauges and histograms over such numbers
    requests      counts requests; `repositories` the pulls and pushes of each repository
    operations    counts storage operations, `opened` failures of open files, `descriptors` uses of the descriptor cache
    counting      all of these: what a worker counts
    facts         values that are looked up, not counted: queues, `collections`, the certificate
    processes     resource usage of the server's processes
    page          the page for Prometheus; `families` converts facts into its form

Only `page` and `families` import prometheus_client, when a page is requested.
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
    """The metrics of this worker, or None.

    `folder` is shared by the workers of a server; empty if metrics are off. A worker that finds no room for its counts serves without
    counting.
    """
    if not folder:
        return None
    try:
        return Metrics(folder)
    except (OSError, ValueError) as error:
        log.error("this worker does not count for Prometheus", extra={"reason": str(error)})
        return None
