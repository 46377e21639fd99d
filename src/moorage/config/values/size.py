"""Sizes in bytes: a plain integer, or a number with a unit such as `64MiB`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from moorage.config.values.kind import Kind

SIZE = Kind("size")

_BINARY = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_DECIMAL = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
# A bare letter (`5M`) is binary: so the pages of the swift and oss drivers always meant it.
_SIZE = re.compile(r"([0-9]{1,18})\s*(?:([kmgt])(ib|b)?|b)?", re.IGNORECASE)


def parse_size(value: object) -> object:
    """Bytes from an integer or a text; anything else is left to the check for integers."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError("must be a number of bytes, or a size such as 64KiB or 10MiB")
    number, letter, ending = match.groups()
    if letter is None:
        return int(number)
    units = _DECIMAL if (ending or "").lower() == "b" else _BINARY
    return int(number) * units[letter.lower()]


def format_size(size: int) -> str:
    """The largest binary unit that divides the size: `64MiB`, `1000`."""
    for letter, factor in reversed(_BINARY.items()):
        if size and size % factor == 0:
            return f"{size // factor}{letter.upper()}iB"
    return str(size)


Size = Annotated[int, BeforeValidator(parse_size), SIZE]
