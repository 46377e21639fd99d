"""When a certificate is looked at again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from moorage.letsencrypt.schedule import DAY, HOUR, back_off, moment, until_next_look, until_retry

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_failures_in_a_row_are_a_minute_apart_then_twice_as_long_up_to_a_day() -> None:
    assert [back_off(count) for count in (1, 2, 3, 4)] == [60, 120, 240, 480]
    assert {back_off(count) for count in (12, 50, 100_000)} == {DAY}


@pytest.mark.parametrize(
    ("failures", "wait", "least"),
    [(1, 0, 60), (1, 3600, 3600), (8, 10, 60 * 2**7), (1, 3 * DAY, 3 * DAY), (1, 1e12, 7 * DAY)],
)
def test_nobody_is_asked_before_the_authority_allows_it(failures: int, wait: float, least: float) -> None:
    for _ in range(20):
        assert least <= until_retry(failures, wait) <= least * 1.1


def test_a_certificate_is_looked_at_every_hour_and_when_it_is_due() -> None:
    for _ in range(20):
        assert 0.9 * HOUR <= until_next_look(NOW + timedelta(days=30), NOW) <= 1.1 * HOUR
    assert until_next_look(NOW + timedelta(seconds=90), NOW) == 90


def test_a_new_certificate_that_is_due_already_is_not_renewed_again_and_again() -> None:
    assert until_next_look(NOW - timedelta(days=1), NOW) >= 0.9 * HOUR


def test_moments_are_shown_in_utc() -> None:
    assert moment(NOW.timestamp()) == "2030-01-01T00:00:00Z"
