"""All commands with their arguments, as `moorage --help` lists them."""

from __future__ import annotations

from typing import Annotated

import typer

from moorage import __version__
from moorage.cli import access, collecting, configuration, events, passwords, serving, storage
from moorage.cli.arguments import ConfigArgument

main_app = typer.Typer(
    name="moorage",
    help="A container registry.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@main_app.command()
def serve(
    config: ConfigArgument = None,
    welcome: Annotated[bool, typer.Option(help="Print what to try first.")] = False,
) -> None:
    """Serve the registry until SIGTERM."""
    serving.serve(config, welcome=welcome)


main_app.command("garbage-collect")(collecting.garbage_collect)
main_app.command("purge-uploads")(collecting.purge)
main_app.command()(passwords.htpasswd)


@main_app.command()
def version() -> None:
    """Print the version."""
    print(f"moorage {__version__}")


main_app.add_typer(configuration.config_app, name="config")
main_app.add_typer(storage.storage_app, name="storage")
main_app.add_typer(access.access_app, name="access")
main_app.add_typer(events.events_app, name="events")
