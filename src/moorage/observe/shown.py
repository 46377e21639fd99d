"""What may be shown of a request: nothing by which one could act for somebody, and no control characters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

Scope = Mapping[str, Any]
"""What ASGI tells of a request."""

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


def plain(raw: bytes) -> str:
    """The first 2 KiB, with `\\xNN` for quotes, backslashes and control characters."""
    text = raw[:LONGEST].decode("latin-1")
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return text.translate(_ESCAPED)


def agent(raw: bytes) -> str:
    """As `plain`. There are few programs, and their names are long and full of what has to be escaped."""
    return _agent(raw[:LONGEST])


_agent = lru_cache(maxsize=_REMEMBERED)(plain)


def page(raw: bytes) -> str:
    """The address of a page without what may be secret in it."""
    return _QUERY.sub(r"\1***", _USER.sub("***@", plain(raw)))


def target(scope: Scope) -> str:
    """The path, and the query if there is one."""
    query = scope["query_string"]
    path = plain(scope.get("raw_path") or scope["path"].encode())
    return f"{path}?{'&'.join(map(_parameter, plain(query).split('&')))}" if query else path


def _parameter(text: str) -> str:
    """Clients that are confused put passwords and tokens there, and the state of an upload authorises its next request. So only what
    has the form of what the API knows is shown."""
    if text.startswith("_state="):
        return "_state=***"
    return text if not text or _KNOWN.fullmatch(text) else "***"


@lru_cache(maxsize=_REMEMBERED)
def name(user: str) -> str:
    """One word, `-` for nobody: a blank would move the fields behind it."""
    return plain(user.replace(" ", "_").encode("utf-8", "backslashreplace")) if user else "-"
