"""Tells systemd that the server is ready, or stops (`sd_notify(3)`), so that `systemctl start` waits until a worker serves and
fails if none can."""

from __future__ import annotations

import logging
import os
import socket
from typing import Final

log = logging.getLogger(__name__)

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"

_VARIABLE: Final = "NOTIFY_SOCKET"


def tell(state: str) -> None:
    """Does nothing where nobody wants to know. Does not raise."""
    address = os.environ.get(_VARIABLE)
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            # A name that begins with @ is in the abstract namespace, which has no files.
            out.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)
    except OSError as error:
        log.warning("systemd cannot be told", extra={"path": address, "reason": error.strerror or str(error)})
