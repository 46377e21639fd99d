"""Arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CONFIG]", help="The config.yml; else REGISTRY_CONFIGURATION_PATH, else the usual places."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
NoticeOption = Annotated[
    float,
    typer.Option(min=0, help="On object stores: seconds that running servers get to notice; 0 if none runs."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", "-d", help="Only tell what would be removed.")]
