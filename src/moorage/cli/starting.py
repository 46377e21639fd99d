"""What commands share: loading the configuration, and exiting with a message. Does without Typer, as `serve` does."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from moorage.config import Configuration, Problem


def fail(message: str, *, code: int = 1) -> NoReturn:
    """Print one line on stderr and exit."""
    print(f"moorage: {message}", file=sys.stderr)
    raise SystemExit(code)


def load(path: Path | None, *, code: int = 1) -> Configuration:
    """Load the configuration and print its warnings on stderr. If it cannot be used, print every mistake on stderr and exit."""
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
