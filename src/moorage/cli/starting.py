"""What commands share: loading the configuration, and exiting with a message. Does without Typer, as `serve` does."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from moorage.observe import journal
from moorage.printable import printable

if TYPE_CHECKING:
    from moorage.config import Configuration, Loaded, Problem


NOT_DONE: Final = 2
"""The exit status if nothing was begun, or if it failed. Of several commands, 1 is what they found out."""


def fail(message: str, *, code: int = 1) -> NoReturn:
    """Print one line on stderr and exit."""
    _tell(logging.ERROR, message)
    raise SystemExit(code)


def load(path: Path | None, *, code: int = 1) -> Configuration:
    """Load the configuration and print its warnings on stderr. If it cannot be used, print every mistake on stderr too, and exit.

    A file that nobody named but that lies in a usual place is told first: it may be that of another registry."""
    return read(path, code=code, tell_found=True).configuration


def read(path: Path | None, *, code: int = 1, tell_found: bool = False) -> Loaded:
    """Like `load`; returns the name of the file, too. `tell_found`: print it if nobody named it."""
    from moorage.config import ConfigurationError
    from moorage.config import load as loaded_from

    try:
        loaded = loaded_from(path, os.environ)
    except ConfigurationError as error:
        # An unknown key often explains a missing one.
        _warn(error.warnings, error.source)
        refuse(_placed(error.problems, error.source), code=code)
    if tell_found and loaded.found:
        _tell(logging.INFO, f"configuration: {printable(str(loaded.source))}")
    _warn(loaded.warnings, loaded.source)
    if loaded.unbuilt:
        refuse(_placed(loaded.unbuilt, loaded.source), code=code)
    return loaded


def _warn(problems: Iterable[Problem], source: Path | None) -> None:
    for line in _placed(problems, source):
        _tell(logging.WARNING, f"warning: {line}")


def _placed(problems: Iterable[Problem], source: Path | None) -> Iterator[str]:
    """One line for each, with the name of the file if that is where it is."""
    for problem in problems:
        yield str(problem) if source is None or problem.variable else f"{printable(str(source))}: {problem}"


def refuse(problems: Iterable[object], *, code: int = 1) -> NoReturn:
    """Print a line for each on stderr and exit."""
    for problem in problems:
        _tell(logging.ERROR, problem)
    raise SystemExit(code)


def _tell(level: int, message: object) -> None:
    print(f"{journal.prefix(level)}moorage: {message}", file=sys.stderr)


def counted(count: int, noun: str) -> str:
    """`1 repository`, `2 repositories`."""
    plural = f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"
