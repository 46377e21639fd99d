"""`moorage config`."""

from __future__ import annotations

import typer

from moorage.cli.arguments import ConfigArgument
from moorage.cli.starting import load

config_app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)


@config_app.command()
def check(config: ConfigArgument = None) -> None:
    """Print every mistake, or the effective configuration with secrets hidden."""
    from moorage.config import effective

    print(effective(load(config)), end="")
