"""The command line: `moorage`, also installed as `registry` with the spellings of the reference implementation.

`serving`, `configuration`, `collecting` (garbage and uploads), `storage` (copying and checking), `access` (rules),
`events` (notifications) and `passwords` hold the commands, `commands` lists them, `arguments`, `starting`, `roots`, `moments` and
`progress` are what they share, `output` and `ending` what is around each of them but `serve`. A command imports its own parts when it
runs, so that `moorage version` does not load a server. Read `starting`, then the command you need.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from moorage.cli import serving
from moorage.cli.ending import INTERRUPTED, terminable
from moorage.cli.output import written
from moorage.cli.starting import fail
from moorage.drivers.base import DriverError


def main() -> None:
    """The entry point. `registry config.yml` and `registry -version` of old unit files still work."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in ("-version", "--version", "-v"):
        arguments[0] = "version"
    elif arguments and Path(arguments[0]).suffix in (".yml", ".yaml"):
        arguments.insert(0, "serve")
    try:
        if arguments[:1] == ["serve"]:
            # A server has its own way to end, and a log that bears a full disk.
            _run(arguments)
        else:
            with terminable(), written():
                _run(arguments)
    except SystemExit as ended:
        _end(ended.code if isinstance(ended.code, int) else int(ended.code is not None))


def _run(arguments: list[str]) -> None:
    try:
        if _only_serves(arguments):
            serving.serve(Path(arguments[1]) if arguments[1:] else None)
        else:
            from moorage.cli.commands import main_app

            main_app(args=arguments)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except DriverError as error:
        fail(str(error))


def _only_serves(arguments: list[str]) -> bool:
    """`serve` or `serve config.yml`. Typer has nothing to do then, and would be in the memory of all processes of a server: three
    megabytes in each."""
    return (
        arguments[:1] == ["serve"]
        and len(arguments) <= 2
        and not any(one.startswith("-") or not one for one in arguments)
    )


def _end(code: int) -> NoReturn:
    """The threads of obstore may hold objects of the interpreter still: to finalise it under them aborts the process, after all
    went well."""
    if "obstore" not in sys.modules:
        raise SystemExit(code)
    for stream in (sys.stdout, sys.stderr):
        # Without one where its descriptor was closed.
        if stream is not None:
            stream.flush()
    os._exit(code)
