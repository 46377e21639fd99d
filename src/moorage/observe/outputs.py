"""The outputs of this process, each opened once."""

from __future__ import annotations

import os
import time
from typing import Final

from moorage.observe import journal, streams, turns
from moorage.observe.files import Output, open_file
from moorage.observe.streams import Stream

STDOUT: Final = 1
STDERR: Final = 2
FINISH_SECONDS: Final = 1.0
_STANDARD: Final = {"stdout": STDOUT, "stderr": STDERR}
_open: Final[dict[str, Output]] = {}


def output(name: str, *, waits: bool = False) -> Output:
    """The output of this name (`stdout`, `stderr` or a path), opened on first use: a worker continues with what its launcher opened,
    even if the folder is gone. If it `waits`, writing takes as long as its reader does. Raises OSError."""
    where = name if name in _STANDARD else os.path.abspath(name)
    if where not in _open:
        file = where not in _STANDARD
        fd = open_file(where) if file else _STANDARD[where]
        kind = Stream if not waits and streams.may_stall(fd) else Output
        _open[where] = kind(where, fd, file=file)
    return _open[where]


def in_journal(name: str) -> bool:
    """Whether the output of this name is read by the journal of systemd."""
    return name in _STANDARD and journal.leads_to(_STANDARD[name])


def finish(seconds: float = FINISH_SECONDS) -> None:
    """Wait until readers have taken what was written, but for all of them no longer than `seconds`."""
    deadline = time.monotonic() + seconds
    for one in list(_open.values()):
        one.finish(deadline)


def _reset() -> None:
    turns.reset()
    for one in _open.values():
        one.reset()


os.register_at_fork(after_in_child=_reset)
