"""Text that is safe to show: on a terminal or in a log, control characters must not do anything."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with everything escaped that would not be shown: control characters, odd spaces, and bytes of a name that are not
    UTF-8."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
