"""What others wrote, as an attribute of a span."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 512
"""Characters: thousands of spans may wait in memory."""


def told(text: str) -> str:
    """Cut to length, and without what cannot be sent: one such word would keep a whole batch from leaving."""
    text = text[:LONGEST]
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
