"""What commands share: the configuration, and how they end when it cannot be used. Without typer, as `serve` is."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from moorage.config import Configuration, Problem


def fail(message: str, *, code: int = 1) -> NoReturn:
    """One line on stderr, and the end."""
    print(f"moorage: {message}", file=sys.stderr)
    raise SystemExit(code)


def load(path: Path | None, *, code: int = 1) -> Configuration:
    """The configuration, its warnings on stderr; every mistake on stderr and the end when it cannot be used."""
    from moorage.config import ConfigurationError, unbuilt
    from moorage.config import load as read

    try:
        loaded = read(path, os.environ)
    except ConfigurationError as error:
        _refuse(error.problems, code)
    for warning in loaded.warnings:
        print(f"moorage: warning: {warning}", file=sys.stderr)
    if missing := unbuilt(loaded.configuration):
        _refuse(missing, code)
    return loaded.configuration


def _refuse(problems: list[Problem], code: int) -> NoReturn:
    for problem in problems:
        print(f"moorage: {problem}", file=sys.stderr)
    raise SystemExit(code)
