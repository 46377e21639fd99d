"""Content digests: `algorithm:hex`, and the hashers that make them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from moorage.errors import DigestInvalid

CANONICAL: Final = "sha256"
"""The algorithm that names content in the storage; a digest of another algorithm is a link to that content."""

ALGORITHMS: Final = {"sha256": 64, "sha512": 128}
"""Supported algorithms and the length of their hexadecimal form."""

_GRAMMAR: Final = re.compile("|".join(f"{name}:[0-9a-f]{{{length}}}" for name, length in ALGORITHMS.items()))


class Digest(str):
    """A valid digest. Equal to its text, so it formats, hashes and compares at no cost."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Check the whole text, because a digest becomes part of a file name.

        Raises DigestInvalid for anything but a supported algorithm and its lower-case hex.
        """
        if _GRAMMAR.fullmatch(text) is None:
            raise DigestInvalid(f"not a supported digest: {text[:200]!r}", detail={"digest": text[:200]})
        return cls(text)

    @classmethod
    def of(cls, data: bytes, algorithm: str = CANONICAL) -> Digest:
        return cls(f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}")

    @property
    def algorithm(self) -> str:
        return self[: self.index(":")]

    @property
    def hex(self) -> str:
        return self[self.index(":") + 1 :]

    @property
    def folders(self) -> str:
        """`algorithm/hex`, as digests lie in the storage."""
        return self.replace(":", "/")

    @property
    def canonical(self) -> bool:
        return self.startswith("sha256:")


EMPTY: Final = Digest.of(b"")


class Hashes:
    """Running digests of one stream, in the canonical algorithm and in any additional ones."""

    def __init__(self, algorithms: Iterable[str] = ()) -> None:
        self._hashers = {name: hashlib.new(name) for name in {CANONICAL, *algorithms}}
        self.size = 0

    def update(self, pieces: Iterable[bytes]) -> None:
        """Hash more bytes. hashlib releases the GIL for pieces over 2 KiB."""
        for piece in pieces:
            for hasher in self._hashers.values():
                hasher.update(piece)
            self.size += len(piece)

    def covers(self, algorithms: Iterable[str]) -> bool:
        return set(algorithms) <= self._hashers.keys()

    def digests(self) -> dict[str, Digest]:
        """The digests of all bytes so far, by algorithm."""
        return {name: Digest(f"{name}:{hasher.hexdigest()}") for name, hasher in self._hashers.items()}
