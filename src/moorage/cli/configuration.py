"""`moorage config`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from moorage.cli.arguments import ConfigArgument
from moorage.cli.starting import read, refuse
from moorage.printable import printable

if TYPE_CHECKING:
    from moorage.config import Loaded

config_app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)


@config_app.command()
def check(config: ConfigArgument = None) -> None:
    """Print every mistake, or the effective configuration with secrets hidden, and on stderr that there is none."""
    from moorage.cli.refusals import refusals
    from moorage.config import effective

    loaded = read(config)
    if found := list(refusals(loaded.configuration)):
        file = f"{printable(str(loaded.source))}: " if loaded.source else ""
        refuse(f"{file}{one}" for one in found)
    print(effective(loaded.configuration), end="", flush=True)
    # Not on stdout, where programs read YAML.
    print(f"moorage: no mistakes in {_told(loaded)}", file=sys.stderr)


def _told(loaded: Loaded) -> str:
    return printable(str(loaded.source)) if loaded.source else "the built-in defaults and the environment"
