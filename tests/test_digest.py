"""Digests: exactly the grammar, and hashes that do not depend on how the bytes came."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.digest import ALGORITHMS, EMPTY, Digest, Hashes
from moorage.errors import DigestInvalid

HEX = {
    name: st.text("0123456789abcdef", min_size=length, max_size=length) for name, length in ALGORITHMS.items()
}
VALID = st.one_of(*(text.map(f"{name}:".__add__) for name, text in HEX.items()))
BAD = ["", ":", "sha256", "sha256:", "sha256:" + "0" * 63, "sha256:" + "0" * 65, "sha256:" + "0" * 128]
BAD += [
    "sha512:" + "0" * 64,
    "SHA256:" + "0" * 64,
    "sha256:" + "A" * 64,
    "md5:" + "0" * 32,
    "sha384:" + "0" * 96,
]
BAD += [
    "sha256:" + "0" * 64 + "\n",
    "\nsha256:" + "0" * 64,
    " sha256:" + "0" * 64,
    "sha256:" + "0" * 63 + "/",
]
BAD += [
    "sha256:../" + "0" * 61,
    "sha256:" + "\u0660" * 64,
    "sha256:" + "\uff11" * 64,
    "sha256+b64:" + "0" * 64,
]
BAD += ["sha256:" + "0" * 63 + "\0", "sha256:" + "0" * 64 + ":" + "0" * 64, "sha256:0x" + "0" * 62]


@given(VALID)
def test_a_digest_is_its_text(text: str) -> None:
    digest = Digest.parse(text)
    assert digest == text
    assert hash(digest) == hash(text)
    assert f"{digest.algorithm}:{digest.hex}" == text
    assert digest.canonical == text.startswith("sha256:")


@pytest.mark.parametrize("text", BAD)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(DigestInvalid) as refused:
        Digest.parse(text)
    assert (refused.value.status, refused.value.code) == (400, "DIGEST_INVALID")


@given(VALID, st.integers(0, 200), st.characters())
def test_a_changed_digest_is_one_only_if_it_has_the_form(text: str, position: int, letter: str) -> None:
    changed = text[: position % len(text)] + letter + text[position % len(text) + 1 :]
    valid = re.fullmatch(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", changed)
    if valid:
        assert Digest.parse(changed) == changed
        return
    with pytest.raises(DigestInvalid):
        Digest.parse(changed)


@given(st.text(max_size=150))
def test_any_text_is_refused_or_safe_in_a_path(text: str) -> None:
    try:
        digest = Digest.parse(text)
    except DigestInvalid:
        return
    assert digest.hex.isalnum()
    assert digest.hex.isascii()


@given(st.binary(max_size=300), st.sampled_from(sorted(ALGORITHMS)))
def test_a_digest_of_bytes_is_that_of_hashlib(data: bytes, algorithm: str) -> None:
    digest = Digest.of(data, algorithm)
    assert digest == f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
    assert Digest.parse(digest) == digest


@given(st.lists(st.binary(max_size=50), max_size=8))
def test_pieces_hash_like_the_whole(pieces: list[bytes]) -> None:
    hashes = Hashes(["sha512"])
    for piece in pieces:
        hashes.update([piece])
    whole = b"".join(pieces)
    assert hashes.digests() == {name: Digest.of(whole, name) for name in ALGORITHMS}
    assert hashes.size == len(whole)


def test_the_canonical_algorithm_is_always_hashed() -> None:
    assert Hashes().digests() == {"sha256": EMPTY}
    assert Hashes().covers(["sha256"])
    assert not Hashes().covers(["sha512"])
    assert Hashes(["sha512"]).covers(["sha512", "sha256"])
