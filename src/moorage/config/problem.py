"""What is wrong with a configuration and where, and the exception that carries all of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage.printable import printable

_NAMES: Final = re.compile(r"(?:[^ :=@\"']|:(?=//))*")
"""Names of keys, headers and claims, of which some are URLs."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, or one thing to know.

    `path` is dotted (`storage.s3.region`, `notifications.endpoints[0].url`), empty for the file as a whole.
    `line` counts from 1 in the YAML file. `variable` is the environment variable the value came from.
    At most one of the two is set. `nearest` is the valid dotted key, or variable, that was probably meant.
    The message never holds the value of a secret, and what is printed shows no more of the path than names: who forgets a space
    writes `password:x`, and a header as one word holds its value.
    """

    path: str
    message: str
    line: int | None = None
    variable: str | None = None
    nearest: str | None = None

    def __str__(self) -> str:
        place = self.variable or (f"line {self.line}" if self.line else "")
        hint = f" (did you mean {self.nearest}?)" if self.nearest else ""
        return printable(": ".join(filter(None, (place, _shown(self.path), self.message))) + hint)


def _shown(path: str) -> str:
    found = _NAMES.match(path)
    names = found[0] if found else ""
    return path if names == path else f"{names}…"


class ConfigurationError(Exception):
    """The configuration cannot be used. `problems` holds every mistake found, in the order of the file.

    `warnings` is what a load that succeeded would have returned: often an unknown key explains a missing one.
    """

    def __init__(
        self, problems: Sequence[Problem], *, warnings: Sequence[Problem] = (), source: Path | None = None
    ) -> None:
        self.problems = list(problems)
        self.warnings = list(warnings)
        self.source = source
        super().__init__("\n".join(str(problem) for problem in self.problems))
