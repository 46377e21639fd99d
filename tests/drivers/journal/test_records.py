"""What a journal's file holds can be read again, but for what is torn."""

from __future__ import annotations

import struct
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.drivers.journal.records import (
    HEADER_LIMIT,
    Entry,
    decode,
    encode,
    key_of,
    last_of_each,
    new_header,
)

KEY = bytes(range(16))

entries = st.builds(
    Entry,
    st.text("/abc._-", min_size=1).map("/".__add__),
    st.binary(max_size=300),
    st.booleans(),
    st.lists(st.integers(0, 2**63), max_size=2).map(tuple),
)
records = st.lists(st.lists(entries, min_size=1, max_size=4), min_size=1, max_size=6)


def joined(found: list[list[Entry]], key: bytes = KEY) -> list[bytes]:
    return [b"".join(encode(one, key)) for one in found]


@given(records)
def test_records_are_read_in_the_order_in_which_they_were_written(found: list[list[Entry]]) -> None:
    assert list(decode(b"header\n" + b"".join(joined(found)), KEY)) == found


@given(records, st.data())
def test_a_file_that_ends_anywhere_loses_its_last_record_only(
    found: list[list[Entry]], data: st.DataObject
) -> None:
    pieces = joined(found)
    cut = data.draw(st.integers(0, len(pieces[-1]) - 1))
    assert list(decode(b"".join(pieces[:-1]) + pieces[-1][:cut], KEY)) == found[:-1]


@given(records, st.data())
def test_a_record_with_a_wrong_byte_is_passed_over_and_the_others_are_not(
    found: list[list[Entry]], data: st.DataObject
) -> None:
    pieces = joined(found)
    damaged = data.draw(st.integers(0, len(pieces) - 1))
    at = data.draw(st.integers(0, len(pieces[damaged]) - 1))
    torn = bytearray(pieces[damaged])
    torn[at] ^= data.draw(st.integers(1, 255))
    pieces[damaged] = bytes(torn)
    assert list(decode(b"".join(pieces), KEY)) == found[:damaged] + found[damaged + 1 :]


def test_a_record_that_was_only_begun_hides_none_that_follow() -> None:
    """The disk was full for a moment."""
    whole = [Entry("/a", b"a" * 100)]
    begun, after = joined([[Entry("/torn", b"t" * 1_000)], whole])
    for length in range(1, len(begun)):
        assert list(decode(begun[:length] + after, KEY)) == [whole]


def test_the_content_of_a_file_never_passes_for_a_record() -> None:
    """Whoever can push can also push what a record of his own would look like."""
    forged = joined([[Entry("/tags/latest", b"another image")]], bytes(16))[0]
    assert list(decode(b"".join(joined([[Entry("/blob", forged)]])), KEY)) == [[Entry("/blob", forged)]]
    torn = joined([[Entry("/blob", forged)]])[0][:-1]
    assert list(decode(torn, KEY)) == []


def test_the_last_word_on_each_path_counts() -> None:
    first, second = new_header(), new_header()
    files = [
        first
        + b"".join(joined([[Entry("/a", b"1"), Entry("/b", b"1")], [Entry("/a", b"2")]], key_of(first))),
        second + joined([[Entry("/b", b"3", whole=True)]], key_of(second))[0],
    ]
    assert last_of_each(files) == [Entry("/a", b"2"), Entry("/b", b"3", whole=True)]


def test_each_header_has_a_key_of_its_own() -> None:
    header = new_header()
    assert len(header) < HEADER_LIMIT
    assert key_of(header + b"what follows") == key_of(header) != key_of(new_header())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b"text\n",
        b"\xff\n",
        b'{"version": 2}\n',
        b'{"version": 1, "key": "00"}',
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"header|version"):
        key_of(data)


def test_records_that_tell_nothing_of_what_they_replaced_are_read() -> None:
    """A journal that was left behind before that was recorded."""
    names, content = b'[["/a", 7, true]]', b"content"
    checksum = blake2b(names + content, key=KEY, digest_size=16).digest()
    record = struct.pack(">16sIQ16s", KEY, len(names), len(content), checksum) + names + content
    assert list(decode(record, KEY)) == [[Entry("/a", content, whole=True)]]
