from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.config.values.duration import format_duration, nanoseconds, parse_duration


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("168h", 168 * 3_600_000_000_000),
        ("1m30s", 90_000_000_000),
        ("1h15m30.918273645s", 4_530_918_273_645),
        ("10ms", 10_000_000),
        ("1.5s", 1_500_000_000),
        (".5m", 30_000_000_000),
        ("2us", 2_000),
        ("2µs", 2_000),
        ("2μs", 2_000),
        ("7ns", 7),
        ("-1h", -3_600_000_000_000),
        ("+1h", 3_600_000_000_000),
        ("0", 0),
        ("500", 500),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_go_notation_is_understood(text: str, count: int) -> None:
    assert nanoseconds(text) == count


@pytest.mark.parametrize(
    "text",
    ["", "h", "1d", "1 h", "1h 30m", "--1h", "1h-30m", "1.2.3s", ".s", "1e3s", "9223372036854775808", "٣s"],
)
def test_what_go_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="168h"):
        nanoseconds(text)


def test_something_never_becomes_nothing() -> None:
    assert parse_duration(500) == timedelta(microseconds=1)
    assert parse_duration("-1ns") == timedelta(microseconds=-1)
    assert parse_duration(0) == timedelta(0)


@pytest.mark.parametrize("value", [True, 1.5, None, [1]])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        parse_duration(value)


@given(st.timedeltas(timedelta(days=-100_000), timedelta(days=100_000)))
def test_what_is_printed_reads_the_same(value: timedelta) -> None:
    assert parse_duration(format_duration(value)) == value


@given(st.text(alphabet="0123456789.+-hmsnuµ e", max_size=30))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        count = nanoseconds(text)
    except ValueError:
        return
    assert abs(count) < 2**63
