"""What may be shown of a request: no credentials, and no control characters."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from moorage.printable import printable

Scope = Mapping[str, Any]
"""The ASGI scope of a request."""

LONGEST: Final = 2048
_WORD = r"(?:[A-Za-z0-9._/:+,*()-]|%2[0CFcf]|%3[Aa])*"
_KNOWN = re.compile(
    r"n=[0-9]{0,20}|(?:mount|digest)=sha(?:256|512)(?::|%3[Aa])[0-9a-f]{0,128}|offline_token=(?:true|false)|"
    rf"(?:last|from|tag|artifactType|digest-algorithm|service|scope|account|client_id)={_WORD}"
)
_USER = re.compile(r"(?<=//)[^/?#]*@")
_QUERY = re.compile(r"([?#]).*")
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(32), 34, 92, *range(127, 160))}
_REMEMBERED = 128


def text(raw: bytes) -> str:
    """The first 2 KiB as UTF-8, which most clients mean, or as Latin-1 if they are not."""
    try:
        # A character that the end cuts in two is left out.
        return codecs.utf_8_decode(raw[:LONGEST], "strict", len(raw) <= LONGEST)[0]
    except UnicodeDecodeError:
        return raw[:LONGEST].decode("latin-1")


def header(value: str | None) -> str:
    """Like `text`, for a header that was decoded as Latin-1; empty if there is none."""
    return text(value.encode("latin-1")) if value else ""


def plain(raw: bytes) -> str:
    """Like `text`, with quotes, backslashes and all characters that cannot be seen escaped, as in `\\xNN`."""
    found = text(raw)
    if found.isascii() and found.isprintable() and '"' not in found and "\\" not in found:
        return found
    return printable(found.translate(_ESCAPED))


def address(host: str) -> str:
    """The address of a connection's other end. Sockets that take IPv4 and IPv6 give IPv4 addresses a form that no tool expects."""
    return host.removeprefix("::ffff:") if "." in host else host


def agent(raw: bytes) -> str:
    """Like `plain`, but cached: there are few user agents, and their names are long."""
    return _agent(raw[: LONGEST + 1])


_agent = lru_cache(maxsize=_REMEMBERED)(plain)


def page(raw: bytes) -> str:
    """The URL of a page without the parts that may be secret: user, password, query and fragment."""
    return _QUERY.sub(r"\1***", _USER.sub("***@", plain(raw)))


def target(scope: Scope) -> str:
    """The path and the query, if there is one, without the values of parameters that may be secret."""
    query = scope["query_string"]
    path = plain(scope.get("raw_path") or scope["path"].encode())
    return f"{path}?{'&'.join(map(_parameter, plain(query).split('&')))}" if query else path


def _parameter(text: str) -> str:
    """A query parameter, hidden unless it has a form that the API knows: confused clients put passwords and tokens there, and the state
    of an upload authorizes its next request."""
    if text.startswith("_state="):
        return "_state=***"
    return text if not text or _KNOWN.fullmatch(text) else "***"


@lru_cache(maxsize=_REMEMBERED)
def name(user: str) -> str:
    """The first 2048 characters of the user as one word, `-` if there is none: a space would shift the fields that follow.

    Quotes, backslashes and all characters that cannot be seen, such as other kinds of space, are escaped as in a Python string.
    """
    escaped = user[:LONGEST].replace(" ", "_").translate(_ESCAPED)
    return printable(escaped) or "-"
