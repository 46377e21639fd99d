"""Names and values of HTTP headers that are configured."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from moorage.config.values.secret import Secret, revealed

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _header_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError("must be a header name")
    return name


def _header_value(value: str) -> str:
    # A line break would let one header become two.
    if not value.isprintable() or not value.isascii():
        raise ValueError("must be printable ASCII")
    return value


def _secret_value(value: SecretStr) -> SecretStr:
    # Secrets that were read from files often end with a line break.
    if not value.get_secret_value().isprintable():
        raise ValueError("must be one line of printable text, without a line break at its end")
    return value


HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
HeaderSecret = Annotated[Secret, AfterValidator(_secret_value)]


def header_pairs(headers: Mapping[str, Iterable[SecretStr]]) -> list[tuple[str, str]]:
    """Configured headers, each with its text, for who sends them."""
    return [(name, revealed(value)) for name, values in headers.items() for value in values]
