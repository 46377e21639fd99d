"""The kind of a stored manifest, for when nothing else has to be known of it.

Other programs stored manifests that would be refused here: with negative sizes, with duplicate keys, with bytes that are not
text. The reference implementation serves them by their `mediaType`, and nothing more is needed to do the same.
"""

from __future__ import annotations

import json
import re
from typing import Final

from moorage.errors import ManifestInvalid
from moorage.manifest import IMAGES, INDEXES, OCI_INDEX, OCI_MANIFEST

_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{]|[\]}]|[^"\[\]{}]++', re.DOTALL)


def kind(payload: bytes) -> str:
    """The media type, determined as the reference implementation does. Raises ManifestInvalid for what that does not serve,
    or serves only as schema 1."""
    found = members(payload)
    if found.get("schemaversion") != b"2":
        raise ManifestInvalid("the manifest's schemaVersion is not 2")
    told = found.get("mediatype", b'""')
    media_type = _text(told) if told[:1] == b'"' else "" if told == b"null" else "?"
    if not media_type:
        is_image = any(found.get(name, b"null") != b"null" for name in ("config", "layers"))
        return OCI_INDEX if found.get("manifests") == b"[" and not is_image else OCI_MANIFEST
    if media_type not in INDEXES | IMAGES:
        raise ManifestInvalid("unknown manifest media type")
    return media_type


def members(payload: bytes) -> dict[str, bytes]:
    """The members of a JSON object by name: a string with its quotes, a number or a word as it stands, `[` for a list, `{` for
    an object. Names are case-folded, and the last of equal names counts, as in Go. Raises ManifestInvalid if the payload
    is not a whole object.

    Accepts, at any depth, what no parser accepts, and keeps nothing of nested values.
    """
    found: dict[str, bytes] = {}
    depth = position = 0
    text, name = b"", None
    stripped = payload.strip(b" \t\r\n")
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None or (depth == 0 and (position or match[0] != b"{")):
            raise ManifestInvalid("the manifest is not a JSON object")
        token, position = match[0], match.end()
        first = token[:1]
        if first in b"]}":
            depth -= 1
        elif depth == 1 and first in b'"[{' and name is not None:
            found[name], name = token, None
        elif depth == 1 and first == b'"':
            text = token
        elif depth == 1 and (between := token.strip(b" \t\r\n")).startswith(b":"):
            name = _text(text).casefold()
            if value := between[1:].partition(b",")[0].strip(b" \t\r\n"):
                found[name], name = value, None
        if first in b"[{":
            depth += 1
    if depth or not stripped:
        raise ManifestInvalid("the manifest is not a JSON object")
    return found


def _text(quoted: bytes) -> str:
    try:
        return str(json.loads(quoted.decode("utf-8", "replace"), strict=False))
    except ValueError:
        raise ManifestInvalid("the manifest is not JSON") from None
