"""The process that renews, as the launcher sees it.

It is a fresh process, neither a thread nor a fork: the launcher forks workers, which must not find a thread's locks held,
and a fork would keep the launcher's listening sockets open and its signal handlers in place.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from moorage.letsencrypt.errors import CertificateError

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0
RESTART_SECONDS = 60.0
_COMMAND = (sys.executable, "-P", "-m", "moorage.letsencrypt.renewing")


class RenewingProcess:
    """Starts and stops the process. If it ends by itself, it is started again after `restart_seconds` at the earliest."""

    def __init__(self, restart_seconds: float = RESTART_SECONDS) -> None:
        self._restart_seconds = restart_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    @property
    def pid(self) -> int | None:
        """The process id; None if the process does not run."""
        process = self._process
        if process and (status := process.poll()) is not None:
            log.warning("the process that renews certificates ended", extra={"status": status})
            self._process = process = None
        return process.pid if process else None

    def start(self, settings: Mapping[str, Any]) -> None:
        """Start the process, unless it runs or was started just before. Raises CertificateError."""
        if self.pid is not None:
            return
        if self._started and time.monotonic() - self._started < self._restart_seconds:
            return
        self._started = time.monotonic()
        try:
            self._process = subprocess.Popen(_COMMAND, stdin=subprocess.PIPE)  # noqa: S603  this program
        except OSError as error:
            raise CertificateError(
                f"cannot start the process that renews certificates: {error.strerror}"
            ) from error
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(json.dumps({**settings, "parent": os.getpid()}, default=str).encode())

    def stop(self) -> None:
        """Stop the process and wait for its end."""
        if (process := self._process) is None:
            return
        self._process, self._started = None, 0.0
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
