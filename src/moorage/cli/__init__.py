"""The command line: `moorage`, also installed as `registry` with the spellings of the reference implementation.

`serving`, `configuration`, `collecting` (garbage and uploads), `storage` (copying and checking), `access` (rules), `events`
(notifications) and `passwords` hold the commands, and `commands` lists them. They share `arguments`, `starting`, `roots`, `unsettled`,
`moments` and `progress`; `refusals` tells what a server would not start with; `output` and `ending` wrap each command but `serve`, and
`spellings` translates the arguments of the reference. A command imports what it needs when it runs, so that `moorage version` does
not load a server. Read `starting`, then the command you need.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn


def main() -> None:
    """The entry point."""
    abrupt = _end_at_interrupts()
    _open_closed_streams()
    from moorage.cli.ending import terminable
    from moorage.cli.output import written
    from moorage.cli.spellings import translated

    arguments = translated(sys.argv[1:], program=sys.argv[0], environ=os.environ)
    try:
        if arguments[:1] == ["serve"]:
            # A server handles its end itself, and its log copes with a full disk.
            _run(arguments, abrupt)
        else:
            with terminable(), written():
                _run(arguments, abrupt)
    except SystemExit as ended:
        _end(ended.code if isinstance(ended.code, int) else int(ended.code is not None))


def _end_at_interrupts() -> bool:
    """Have Ctrl-C end the process without a word while it loads what it needs, as nothing is begun: Python would print a traceback.
    False if it is ignored, as in background jobs of a non-interactive shell, or if somebody else handles it: that stays so."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return False
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return True


def _open_closed_streams() -> None:
    """Open /dev/null for those of stdin, stdout and stderr that are closed.

    Otherwise the next file that is opened gets the number of the stream, and what is meant for the stream is written into it. Nothing
    that this module imports keeps a file open.
    """
    for stream in range(3):
        try:
            os.fstat(stream)
        except OSError:
            # The lowest number that is free, which is that of the stream.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _run(arguments: list[str], abrupt: bool) -> None:
    """`abrupt`: Ctrl-C ends the process so far, and raises KeyboardInterrupt from now on."""
    from pathlib import Path

    from moorage.cli import serving
    from moorage.cli.ending import INTERRUPTED
    from moorage.cli.starting import fail
    from moorage.drivers.base import DriverError

    try:
        if abrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)
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
    """Whether the arguments are `serve` or `serve config.yml`. These are handled without Typer, which takes three megabytes of
    memory in each process of a server."""
    return (
        arguments[:1] == ["serve"]
        and len(arguments) <= 2
        and not any(one.startswith("-") or not one for one in arguments)
    )


def _end(code: int) -> NoReturn:
    """End the process. If obstore is loaded, without finalizing the interpreter: obstore's threads may still hold Python objects, and
    finalizing would abort the process although all went well."""
    if "obstore" not in sys.modules:
        raise SystemExit(code)
    for stream in (sys.stdout, sys.stderr):
        # None if its descriptor was closed.
        if stream is not None:
            stream.flush()
    os._exit(code)
