"""`moorage config`."""

from __future__ import annotations

import typer

from moorage.cli.arguments import ConfigArgument
from moorage.cli.starting import read, refuse
from moorage.printable import printable

config_app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)


@config_app.command()
def check(config: ConfigArgument = None) -> None:
    """Print every mistake, or the effective configuration with secrets hidden."""
    from moorage.cli.refusals import refusals
    from moorage.config import effective

    loaded = read(config)
    if found := list(refusals(loaded.configuration)):
        file = f"{printable(str(loaded.source))}: " if loaded.source else ""
        refuse(f"{file}{one}" for one in found)
    print(effective(loaded.configuration), end="")
