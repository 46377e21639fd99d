"""Whether there is room for one more process."""

from __future__ import annotations

import os


def try_fork() -> None:
    """Raises OSError if a process cannot be forked now.

    Call this before retrying with `multiprocessing`, which leaks four descriptors whenever it fails.
    """
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def reason_of(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
