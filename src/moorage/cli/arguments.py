"""Arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

MOST_HOURS: Final = 1_000_000
"""More than a century, and small enough that a date can represent the resulting moment."""

MOST_NOTICE_SECONDS: Final = 3600

ConfigArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CONFIG]",
        # What cannot be read is told when it is loaded, as for a file that is not there.
        readable=False,
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
DryRunOption = Annotated[bool, typer.Option("--dry-run", "-d", help="Only tell what would be removed.")]
