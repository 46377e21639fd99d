"""Texts from outside as attributes of spans."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 512
"""The most characters of a text, because thousands of spans may wait in memory."""


def cut(text: str) -> str:
    """Cut a text to length and replace characters that cannot be encoded: one of them would block a whole batch."""
    text = text[:LONGEST]
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
