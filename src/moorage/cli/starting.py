"""What commands share: loading the configuration, and exiting with a message. Does without Typer, as `serve` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from moorage.config import Configuration, Problem


def fail(message: str, *, code: int = 1) -> NoReturn:
    """Print one line on stderr and exit."""
    print(f"moorage: {message}", file=sys.stderr)
    raise SystemExit(code)


def load(path: Path | None, *, code: int = 1) -> Configuration:
    """Load the configuration and print its warnings on stderr. If it cannot be used, print every mistake on stderr too, and exit."""
    from moorage.config import ConfigurationError, unbuilt
    from moorage.config import load as read

    try:
        loaded = read(path, os.environ)
    except ConfigurationError as error:
        # An unknown key often explains a missing one.
        _warn(error.warnings)
        refuse(error.problems, code=code)
    _warn(loaded.warnings)
    if missing := unbuilt(loaded.configuration):
        refuse(missing, code=code)
    return loaded.configuration


def _warn(problems: Iterable[Problem]) -> None:
    for problem in problems:
        print(f"moorage: warning: {problem}", file=sys.stderr)


def refuse(problems: Iterable[object], *, code: int = 1) -> NoReturn:
    """Print a line for each on stderr and exit."""
    for problem in problems:
        print(f"moorage: {problem}", file=sys.stderr)
    raise SystemExit(code)
