"""Prepares the debug listener before workers are forked: they all share its socket."""

from __future__ import annotations

import importlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from moorage.config.sections.http import Debug
from moorage.config.values import host_and_port
from moorage.server import tallies
from moorage.server.errors import ServerError
from moorage.server.listening import bind

log = logging.getLogger(__name__)

BACKLOG: Final = 128


@dataclass(frozen=True)
class Debugging:
    """`metrics`: the folder in which workers count; empty if metrics are off. `close`: to be called when the launcher ends."""

    listener: socket.socket | None = None
    metrics: str = ""
    close: Callable[[], None] = lambda: None


def begin(section: Debug) -> Debugging:
    """Open the listener that the configuration asks for. Raises ServerError."""
    if section.addr is None:
        if section.prometheus.enabled:
            log.warning(
                "without effect",
                extra={"key": "http.debug.prometheus", "reason": "http.debug.addr is not set"},
            )
        return Debugging()
    listener = _listen(section.addr)
    # Imported before the workers are forked, so that they share the memory of what it loads.
    importlib.import_module("moorage.debug")
    if not section.prometheus.enabled:
        return Debugging(listener)
    counted = tallies.make()
    return Debugging(listener, counted.path, counted.remove)


def _listen(addr: str) -> socket.socket:
    """Raises ServerError naming the address."""
    host, port = host_and_port(addr)
    try:
        listener = bind(host, port, shared=False)
        listener.listen(BACKLOG)
    except OSError as error:
        raise ServerError(f"cannot listen on {addr} (http.debug.addr): {error.strerror}") from None
    found, port = listener.getsockname()[:2]
    if not ip_address(found).is_loopback:
        log.warning(
            "debug listener can be reached from other machines; it asks nobody for a password",
            extra={"address": addr},
        )
    return listener
