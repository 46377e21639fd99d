"""Range and Content-Range, held to small models of their own."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moorage.api.ranges import chunk, wanted
from moorage.errors import RangeInvalid

NUMBER = st.integers(0, 30).map(str)
SPECIAL = st.sampled_from(
    [
        "",
        " ",
        "-",
        ",",
        "=",
        "x",
        "_",
        "+1",
        "\u0665",
        "\n",
        "1e3",
        "0x1",
        "9" * 19,
        "9" * 400,
        "007",
        "0" * 40,
    ]
)
SPEC = st.lists(NUMBER | SPECIAL | st.just("-"), max_size=5).map("".join)


def model(spec: str, size: int) -> list[int] | str | None:
    """The positions that RFC 9110 means; "bad" for what cannot be satisfied or read."""
    if "," in spec or not size:
        return None
    found = re.fullmatch(r"\s*([0-9]*)\s*-\s*([0-9]*)\s*", spec, re.ASCII)
    if found is None or not (found[1] or found[2]):
        return "bad"
    positions = list(range(size))
    if not found[1]:
        part = positions[-int(found[2]) :] if int(found[2]) else []
    else:
        part = positions[int(found[1]) : int(found[2]) + 1 if found[2] else None]
    return part or "bad"


@given(spec=SPEC, size=st.integers(0, 30))
@example(spec="5-2", size=10)
@example(spec="-0", size=10)
@example(spec="-5", size=0)
@example(spec="0-0\n", size=10)
def test_a_range_is_what_the_model_says(spec: str, size: int) -> None:
    expected = model(spec, size)
    if expected == "bad":
        with pytest.raises(RangeInvalid) as refused:
            wanted(f"bytes={spec}", size)
        assert refused.value.headers["Content-Range"] == f"bytes */{size}"
        return
    found = wanted(f"bytes={spec}", size)
    if found is None:
        assert expected is None
        return
    assert list(range(size))[found[0] : found[1]] == expected


@pytest.mark.parametrize("header", [None, "", "bytes", "lines=0-1", "bytes 0-1", "\u00a0bytes=0-1"])
def test_no_range_of_bytes_is_the_whole(header: str | None) -> None:
    assert wanted(header, 10) is None


@pytest.mark.parametrize("last", ["18446744073709551615", "9" * 19, "9" * 5_000, "0" * 5_000 + "9"])
def test_a_last_position_beyond_the_end_means_the_rest(last: str) -> None:
    """RFC 9110, section 14.1.2."""
    assert wanted(f"bytes=0-{last}", 10) == (0, 10)
    assert wanted(f"bytes=4-{last}", 10) == (4, 10)
    assert wanted(f"bytes=-{last}", 10) == (10 - min(10, int(last[-20:])), 10)


@pytest.mark.parametrize("first", ["18446744073709551615", "9" * 19, "9" * 5_000])
@pytest.mark.parametrize("last", ["", "18446744073709551616", "9" * 6_000])
def test_a_first_position_beyond_the_end_cannot_be_satisfied(first: str, last: str) -> None:
    with pytest.raises(RangeInvalid):
        wanted(f"bytes={first}-{last}", 10)


@pytest.mark.parametrize("spec", ["9" * 60_000 + "x", "0-" + "9" * 60_000 + "x", "0" * 60_000, " " * 60_000])
def test_a_header_as_long_as_servers_take_them_is_refused_when_it_is_no_range(spec: str) -> None:
    with pytest.raises(RangeInvalid):
        wanted(f"bytes={spec}", 10)


def test_a_range_too_long_to_be_one_is_refused() -> None:
    with pytest.raises(RangeInvalid):
        wanted("bytes=" + " " * 5_000 + "0-1", 10)


@given(first=st.integers(0, 10**17), length=st.integers(1, 10**17), form=st.sampled_from(["{}-{}", "bytes {}-{}/*", "bytes={}-{}", " {}-{} "]))  # fmt: skip
def test_a_chunk_is_its_offset_and_length(first: int, length: int, form: str) -> None:
    assert chunk(form.format(first, first + length - 1)) == (first, length)


@given(text=SPEC | st.text(max_size=12))
def test_a_chunk_is_two_numbers_or_refused(text: str) -> None:
    try:
        first, length = chunk(text)
    except RangeInvalid:
        return
    numbers = re.findall(r"[0-9]+", text, re.ASCII)
    assert text.isascii()
    assert [int(numbers[0]), int(numbers[1])] == [first, first + length - 1]
    assert length > 0
