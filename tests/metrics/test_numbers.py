"""Numbers in files: read by prometheus_client, and continued by whoever comes next."""

from __future__ import annotations

import logging
from bisect import bisect_left
from pathlib import Path

import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from moorage.metrics.numbers import Numbers
from moorage.metrics.series import Counter, Histogram


def read(path: Path) -> dict[tuple[str, tuple[str, ...]], float]:
    families = MultiProcessCollector.merge([str(path)])  # type: ignore[no-untyped-call]
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_was_counted_is_read_while_it_is_counted(tmp_path: Path) -> None:
    numbers = Numbers(tmp_path / "counter_1.db")
    counter = Counter(numbers, "tried_total", "Attempts.", "by")
    # Keys of every length, for they are padded.
    names = ["x" * length for length in range(20)]
    for name in names:
        counter.one(name)()
    counter.one("x")()
    assert read(tmp_path / "counter_1.db") == {
        ("tried_total", (name,)): 1.0 + (name == "x") for name in names
    }
    numbers.close()


def test_numbers_go_on_where_they_were_left(tmp_path: Path) -> None:
    for _ in range(3):
        numbers = Numbers(tmp_path / "counter_1.db")
        counter = Counter(numbers, "tried_total", "Attempts.", "by")
        counter.one("a")()
        counter.one("ü")()
        numbers.close()
    assert read(tmp_path / "counter_1.db") == {("tried_total", ("a",)): 3.0, ("tried_total", ("ü",)): 3.0}


@pytest.mark.parametrize(
    ("value", "bucket"), [(0.0, "1.0"), (1.0, "1.0"), (1.5, "2.5"), (2.5, "2.5"), (9.0, "+Inf")]
)
def test_an_observation_counts_up_to_the_bound_that_holds_it(
    tmp_path: Path, value: float, bucket: str
) -> None:
    numbers = Numbers(tmp_path / "histogram_1.db")
    limits = (1, 2.5)
    buckets, total = Histogram(numbers, "took_seconds", "Time.", limits, "by").places("a")
    numbers.view[buckets[bisect_left(limits, value)]] += 1.0
    numbers.view[total] += value
    found = read(tmp_path / "histogram_1.db")
    numbers.close()
    bounds = ["1.0", "2.5", "+Inf"]
    assert [found["took_seconds_bucket", ("a", bound)] for bound in bounds] == [
        float(bounds.index(bound) >= bounds.index(bucket)) for bound in bounds
    ]
    assert found["took_seconds_sum", ("a",)] == value
    assert found["took_seconds_count", ("a",)] == 1.0


def test_a_file_that_is_full_takes_no_more_series_and_counts_the_others_right(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    numbers = Numbers(tmp_path / "counter_1.db")
    counter = Counter(numbers, "tried_total", "A" * 100_000, "by")
    with caplog.at_level(logging.WARNING):
        for number in range(60):
            counter.one(str(number))()
            counter.one(str(number))()
    found = read(tmp_path / "counter_1.db")
    assert 30 < len(found) < 60
    assert set(found.values()) == {2.0}
    assert len(caplog.records) == 60 - len(found), "each one that is not counted is told once"
    numbers.close()
