"""Secrets in every place of a request and of its process, and a search for them in whatever form."""

from __future__ import annotations

import base64
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote_to_bytes

from tests.reporting.failing import SOURCE, TARGET

PASSWORD = "Pl4nted-Password-of-blue"
BEARER = "Pl4nted.Bearer.Token-0123456789"
COOKIE = "Pl4ntedCookieValue0123"
STATE = "Pl4ntedStateOfAnUpload"
QUERY = "Pl4ntedQueryToken01234"
REFERER = "Pl4ntedRefererPassword"
USERINFO = "Pl4ntedUserinfoOfThePath"
BODY = "Pl4ntedBodyOfTheRequest"
HEADER = "Pl4ntedValueOfSomeHeader"
VARIABLE = "Pl4ntedVariableOfTheProcess"
SETTING = "Pl4ntedSecretOfTheConfiguration"

BASIC = base64.b64encode(f"blue:{PASSWORD}".encode()).decode()
PLANTED = (
    PASSWORD,
    BEARER,
    COOKIE,
    STATE,
    QUERY,
    REFERER,
    USERINFO,
    BODY,
    HEADER,
    VARIABLE,
    SETTING,
    SOURCE,
    BASIC,
)

HEADERS = [
    ("Authorization", f"Basic {BASIC}"),
    ("Authorization", f"Bearer {BEARER}"),
    ("Proxy-Authorization", f"Bearer {BEARER}"),
    ("Cookie", f"session={COOKIE}; other={COOKIE}"),
    ("Referer", f"https://someone:{REFERER}@example.com/page?token={REFERER}"),
    ("X-Registry-Auth", HEADER),
    ("User-Agent", "planter/1.0"),
    ("X-Request-Id", "planted-request"),
]
PLANTED_TARGET = f"http://someone:{USERINFO}@registry.example.com{TARGET}&_state={STATE}&token={QUERY}"

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{8,}={0,2}")


def forms(text: bytes) -> Iterator[bytes]:
    """What somebody may read in it: as it is, unpacked, with percent signs resolved, and with base64 decoded."""
    yield text
    yield unquote_to_bytes(text)
    for unpack in (gzip.decompress, zlib.decompress):
        with suppress(OSError, EOFError, zlib.error):
            unpacked = unpack(text)
            yield from forms(unpacked)
    for run in _BASE64.findall(text):
        for start in range(4):
            piece = run[start:].rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
            # A single character that is left over means nothing.
            whole = piece[: len(piece) - (len(piece) % 4 == 1)]
            yield base64.b64decode(whole + b"=" * (-len(whole) % 4))


def found(text: bytes) -> list[str]:
    """Those of the planted secrets that are in it."""
    return [secret for secret in PLANTED if any(secret.encode() in form for form in forms(text))]
