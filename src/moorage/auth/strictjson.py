"""JSON that can be read in only one way, for tokens and key sets.

Two readers that treat a duplicate name differently would see two different tokens under one signature (RFC 8725, section 2.4).
"""

from __future__ import annotations

import json
from typing import Final, NoReturn


def parse(raw: bytes) -> dict[str, object]:
    """A JSON object. Raises ValueError for everything else, and for content that is not UTF-8, has a name twice, has NaN or
    Infinity, or is nested too deeply."""
    try:
        found = _DECODER.decode(raw.decode())
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refused)
