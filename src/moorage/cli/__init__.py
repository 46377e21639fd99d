"""The command line: `moorage`, also installed as `registry` with the spellings of the reference implementation.

`serving`, `configuration`, `collecting` (garbage and uploads), `storage` (copying and checking), `access` (rules),
`events` (notifications) and `passwords` hold the commands, `starting` and `progress` what they share. A command imports its
own parts when it runs, so that `moorage version` does not load a server. Read `starting`, then the command you need.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import typer

from moorage import __version__
from moorage.cli import access, collecting, configuration, events, passwords, serving, storage
from moorage.cli.starting import fail
from moorage.drivers.base import DriverError

main_app = typer.Typer(
    name="moorage",
    help="A container registry.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def version() -> None:
    """Print the version."""
    print(f"moorage {__version__}")


main_app.command()(serving.serve)
main_app.command("garbage-collect")(collecting.garbage_collect)
main_app.command("purge-uploads")(collecting.purge)
main_app.command()(passwords.htpasswd)
main_app.command()(version)
main_app.add_typer(configuration.config_app, name="config")
main_app.add_typer(storage.storage_app, name="storage")
main_app.add_typer(access.access_app, name="access")
main_app.add_typer(events.events_app, name="events")


def main() -> None:
    """The entry point. `registry config.yml` and `registry -version` of old unit files still work."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in ("-version", "--version", "-v"):
        arguments[0] = "version"
    elif arguments and Path(arguments[0]).suffix in (".yml", ".yaml"):
        arguments.insert(0, "serve")
    try:
        _run(arguments)
    except SystemExit as ended:
        _end(ended.code if isinstance(ended.code, int) else int(ended.code is not None))


def _run(arguments: list[str]) -> None:
    try:
        main_app(args=arguments)
    except DriverError as error:
        fail(str(error))


def _end(code: int) -> NoReturn:
    """The threads of obstore may hold objects of the interpreter still: to finalise it under them aborts the process, after all
    went well."""
    if "obstore" not in sys.modules:
        raise SystemExit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
