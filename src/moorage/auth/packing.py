"""The `access` claim of tokens for many repositories: deflated, so that the token fits into a header.

A client such as regclient keeps one token for a registry and asks for each further repository together with all earlier ones, and
common proxies accept 8 KiB in one header. In the plain form, that is the length of a token for a hundred repositories; deflated, of
one for 700 to 1,500.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final

from moorage.auth import base64url, strictjson
from moorage.wire import encode

MOST_PLAIN: Final = 16
"""The most entries in the plain form, which other services can read too."""
DEFLATED: Final = "access_deflated"
"""The claim of the other form: an object with the member `access`, as JSON, deflated (RFC 1951), in base64url."""
LONGEST: Final = 1 << 20
"""The longest accepted JSON, in bytes."""


def packed(access: list[dict[str, Any]]) -> dict[str, Any]:
    """The claim for these entries, in one of the two forms."""
    if len(access) <= MOST_PLAIN:
        return {"access": access}
    return {DEFLATED: base64url.encode(_deflated(encode({"access": access})))}


def unpacked(claims: Mapping[str, object]) -> dict[str, object]:
    """The claims with `access` in the plain form. Raises ValueError."""
    if DEFLATED not in claims:
        return dict(claims)
    text = claims[DEFLATED]
    if not isinstance(text, str) or "access" in claims:
        raise ValueError(f"{DEFLATED} is no text, or access is there too")
    return {**claims, "access": strictjson.parse(_inflated(base64url.decode(text))).get("access")}


def _deflated(raw: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(raw) + packing.flush()


def _inflated(raw: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        found = unpacking.decompress(raw, LONGEST)
    except zlib.error:
        raise ValueError(f"{DEFLATED} is not deflated") from None
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError(f"{DEFLATED} is too long, or has no end")
    return found
