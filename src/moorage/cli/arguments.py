"""Arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

MOST_HOURS: Final = 1_000_000
"""More than a century, and small enough that a date can represent the resulting moment."""

MOST_NOTICE_SECONDS: Final = 3600


def configuration_file(text: str) -> Path:
    """The path of a configuration. An empty one, mostly a variable of a shell that is not set, would be the working directory. What
    cannot be read is told when it is loaded."""
    if not text:
        raise typer.BadParameter("is empty, where the path of a file is expected")
    return Path(text)


ConfigArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CONFIG]",
        parser=configuration_file,
        help="The config.yml; else REGISTRY_CONFIGURATION_PATH, else the usual places.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
NoticeOption = Annotated[
    float,
    typer.Option(
        min=0,
        max=MOST_NOTICE_SECONDS,
        help="On object stores: seconds that running servers get to notice; 0 if none runs.",
    ),
]
GraceOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=MOST_HOURS * 60,
        metavar="MINUTES",
        help="Leave what was written since: it may be part of a push. On object stores 60 unless --notice is 0; else 0.",
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", "-d", help="Only tell what would be removed.")]
