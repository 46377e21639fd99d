"""Whether there is room for one more process."""

from __future__ import annotations

import os


def try_fork() -> None:
    """Raises OSError if a process cannot be forked now. To be asked before `multiprocessing` is to try it again, for it
    leaves four descriptors open whenever it fails."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def reason_of(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
