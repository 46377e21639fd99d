from __future__ import annotations

from email.utils import formatdate

import pytest

from moorage.retryafter import seconds

NOW = 1_900_000_000.0


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        *(("120", 120.0), (" 5 ", 5.0), ("9" * 400, 999_999_999_999.0)),
        *((formatdate(NOW + 90, usegmt=True), 90.0), (formatdate(NOW - 90, usegmt=True), 0.0)),
        *(("", 0.0), ("soon", 0.0), ("-5", 0.0), ("\u0665", 0.0)),
        ("1 Jan 99999999999999999999 00:00:00 GMT", 0.0),
    ],
)
def test_seconds_or_a_date_is_waited_for_and_anything_else_is_not(header: str, wanted: float) -> None:
    assert seconds(header, NOW) == wanted
