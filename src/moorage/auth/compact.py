"""The serialized form of a signed token: three parts in base64url, separated by dots (RFC 7515, section 7.1). Nothing in it is
trusted here; whatever could be read in more than one way is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from moorage.auth import base64url, strictjson

LONGEST: Final = 16 << 10
"""The longest accepted token, in characters."""
LONGEST_CHAIN: Final = 8

_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]++)\.([A-Za-z0-9_-]++)\.([A-Za-z0-9_-]++)")
_TYPES: Final = frozenset({"jwt", "at+jwt"})


@dataclass(frozen=True, slots=True)
class Signed:
    """The parts of a token. `kid` and `chain` (`x5c`) name the key that the token claims to be signed with, and are None if the
    header has no such member. `statement` is the text that is signed. `jwk`, `jku`, `x5u` and all other members of the header
    are ignored: no token brings its own key."""

    algorithm: str
    kid: str | None
    chain: tuple[str, ...] | None
    statement: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def split(text: str) -> Signed:
    """The parts of a text of at most `LONGEST` characters. Raises ValueError, whose text repeats nothing of the token."""
    parts = _COMPACT.fullmatch(text)
    if parts is None:
        raise ValueError("not three parts in base64url")
    header = _header(base64url.decode(parts[1]))
    return Signed(
        algorithm=_text(header, "alg"),
        kid=_text(header, "kid") if "kid" in header else None,
        chain=_chain(header["x5c"]) if "x5c" in header else None,
        statement=text[: parts.end(2)].encode("ascii"),
        payload=base64url.decode(parts[2]),
        signature=base64url.decode(parts[3]),
    )


def _header(raw: bytes) -> dict[str, object]:
    header = strictjson.parse(raw)
    # `crit` lists extensions that must be understood (RFC 7515, section 4.1.11), and none are. `b64` is one (RFC 7797).
    if "crit" in header or "b64" in header:
        raise ValueError("the header has an extension that is not understood")
    if "typ" in header and _text(header, "typ").lower().removeprefix("application/") not in _TYPES:
        raise ValueError("the header says that it is something else than a token")
    return header


def _text(header: dict[str, object], name: str) -> str:
    value = header.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} in the header is no text")
    return value


def _chain(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("x5c in the header is no list of texts")
    if not 0 < len(value) <= LONGEST_CHAIN:
        raise ValueError(f"x5c in the header has {len(value)} certificates, not one to {LONGEST_CHAIN}")
    return tuple(value)
