"""Metrics and their series: one for each combination of labels.

Finding a series by its labels takes microseconds, so code that counts on each request finds its series once and keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from moorage.metrics.numbers import Numbers

Count = Callable[[], None]

_STEPS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DURATIONS: Final = (*_STEPS, 25.0, 60.0)
ACTIONS: Final = (0.0001, *_STEPS)
"""Bounds in seconds: those of the reference implementation, and finer ones below."""

SIZES: Final = tuple(1024 << power for power in range(22))
"""Bounds in bytes: 1 KiB to 2 GiB. They are ints, and those above floats, like the values: comparing different types costs more."""


class Counter:
    """A counter. Its `name` ends with `_total`."""

    def __init__(self, numbers: Numbers, name: str, help_text: str, *labels: str) -> None:
        self._numbers = numbers
        self._name = name
        self._help = help_text
        self._labels = labels
        self.view = numbers.view

    def place(self, *values: str) -> int:
        """The place of a series in the view of the numbers."""
        labels = dict(zip(self._labels, values, strict=True))
        return self._numbers.place(self._name.removesuffix("_total"), self._name, labels, self._help)

    def one(self, *values: str) -> Count:
        """A function that adds one to a series."""
        view, place = self.view, self.place(*values)

        def count() -> None:
            view[place] += 1.0

        return count


class Gauge:
    def __init__(self, numbers: Numbers, name: str, help_text: str, *labels: str) -> None:
        self._numbers = numbers
        self._name = name
        self._help = help_text
        self._labels = labels

    def place(self, *values: str) -> int:
        labels = dict(zip(self._labels, values, strict=True))
        return self._numbers.place(self._name, self._name, labels, self._help)


class Histogram:
    """A histogram with ascending `bounds` and a bucket for larger values.

    Code that runs on each request observes a value with these lines in place, because a call would cost more than they do:

        view[buckets[bisect_left(bounds, value)]] += 1.0
        view[total] += value
    """

    def __init__(
        self, numbers: Numbers, name: str, help_text: str, bounds: Sequence[float], *labels: str
    ) -> None:
        self._numbers = numbers
        self._name = name
        self._help = help_text
        self._bounds = tuple(bounds)
        self._labels = labels
        self.view = numbers.view

    def places(self, *values: str) -> tuple[list[int], int]:
        """The places `buckets` and `total` of a series."""
        labels = dict(zip(self._labels, values, strict=True))
        place = self._numbers.place
        # Buckets are not cumulative here; prometheus_client adds them up when it reads them.
        buckets = [
            place(self._name, f"{self._name}_bucket", {**labels, "le": _text(bound)}, self._help)
            for bound in (*self._bounds, float("inf"))
        ]
        return buckets, place(self._name, f"{self._name}_sum", labels, self._help)


def _text(bound: float) -> str:
    return "+Inf" if bound == float("inf") else repr(float(bound))
