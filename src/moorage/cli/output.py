"""Standard output of commands: a failure to write it is reported in one line, and distinguished from failures of other files."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from moorage.cli.starting import NOT_DONE, fail

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT: Final = 1

READER_GONE: Final = 141
"""The exit status that shells report for programs ended by SIGPIPE."""


class _OutputFailed(Exception):
    """Standard output cannot be written. Not an OSError, so that code that handles those of a storage does not catch it."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror)
        self.gone = error.errno == errno.EPIPE


class _Checked(io.FileIO):
    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise _OutputFailed(error) from None


@contextlib.contextmanager
def written() -> Iterator[None]:
    """Make sure that all output is written at the end, or fail the command. If the reader has closed the pipe, no message is printed."""
    before = sys.stdout
    if before is None:
        yield
        return
    try:
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Checked(STDOUT, "wb", closefd=False)),
            encoding=before.encoding,
            # Names of files and values of keys may have characters that the terminal's encoding does not.
            errors="backslashreplace",
            line_buffering=before.isatty(),
        )
        try:
            yield
        finally:
            sys.stdout.flush()
    except _OutputFailed as error:
        _discard()
        if error.gone:
            raise SystemExit(READER_GONE) from None
        fail(f"cannot write the output: {error}", code=NOT_DONE)


def _discard() -> None:
    """Redirect stdout to /dev/null: what is left in buffers is flushed at exit, and must not fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDOUT)
    os.close(nowhere)
