"""`moorage config`."""

from __future__ import annotations

import typer

from moorage.cli.arguments import ConfigArgument
from moorage.cli.starting import load, refuse

config_app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)


@config_app.command()
def check(config: ConfigArgument = None) -> None:
    """Print every mistake, or the effective configuration with secrets hidden."""
    from moorage.cli.refusals import refusals
    from moorage.config import effective

    configuration = load(config)
    if found := list(refusals(configuration)):
        refuse(found)
    print(effective(configuration), end="")
