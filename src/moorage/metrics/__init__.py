"""Metrics for Prometheus, right across worker processes."""

from __future__ import annotations

from moorage.api.observing import Observer
from moorage.drivers.base import Driver


class Metrics:
    """What one worker counts."""

    observer: Observer

    def metered(self, driver: Driver) -> Driver:
        """The driver, with each of its operations counted and timed."""
        raise NotImplementedError


def build(folder: str) -> Metrics | None:
    """`folder` is shared by the workers of a server; empty: nobody counts."""
    return None
