import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.config.values.size import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4194304", 4 << 20),
        ("100B", 100),
        ("64KiB", 64 << 10),
        ("10MiB", 10 << 20),
        ("10 mib", 10 << 20),
        ("1GiB", 1 << 30),
        ("5M", 5 << 20),
        ("10MB", 10_000_000),
        ("2kB", 2_000),
    ],
)
def test_units_are_understood(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "-1", "1.5MiB", "10 MiBs", "10XB", "0x10"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="10MiB"):
        parse_size(text)


@given(st.integers(0, 10**17))
def test_what_is_printed_reads_the_same(size: int) -> None:
    assert parse_size(format_size(size)) == size
