"""Standard output of commands: that it cannot be written is told in one line, and from failures of all other files."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from moorage.cli.starting import fail

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT: Final = 1


class _OutputFailed(Exception):
    """No OSError: whoever expects those of a storage must not take it for one."""

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
    """What is printed meanwhile is written in the end, or the command fails. Who does not read on is told nothing."""
    before = sys.stdout
    if before is None:
        yield
        return
    try:
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Checked(STDOUT, "wb", closefd=False)),
            encoding=before.encoding,
            errors=before.errors,
            line_buffering=before.isatty(),
        )
        try:
            yield
        finally:
            sys.stdout.flush()
    except _OutputFailed as error:
        _discard()
        if error.gone:
            raise SystemExit(1) from None
        fail(f"cannot write the output: {error}")


def _discard() -> None:
    """What is left in buffers is flushed at the exit, and must not fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDOUT)
    os.close(nowhere)
