"""A mark on a type that names it for the reference page and for the code that must not print it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """Metadata of an annotated type: what a person calls such a value."""

    name: str
    secret: bool = False
