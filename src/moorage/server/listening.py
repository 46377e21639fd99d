"""The listening sockets: one for each worker, on an address that is nobody else's."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path
from typing import Final

from moorage.config.sections.http import Http
from moorage.server.errors import ServerError

BACKLOG: Final = 4096
UNSENT_BYTES: Final = 256 << 10
LONGEST_PATH: Final = 107
"""Bytes of the path of a unix socket: the kernel takes 108, of which the last is NUL."""


def listen(http: Http, workers: int = 1) -> list[socket.socket]:
    """Sockets that listen on one address, for each worker one of its own: the kernel then spreads connections over
    them, while workers on a shared one leave all of a burst to whoever wakes first. A unix socket is shared.
    Raises ServerError naming the address."""
    try:
        where = http.listen
        if isinstance(where, Path):
            return [_listen_unix(str(where))]
        host, port = where
        # Sockets of several may share a port, so that somebody else has it shows only without that permission.
        with bind(host, port, shared=False) as probe:
            port = probe.getsockname()[1]
        with contextlib.ExitStack() as opened:
            listeners = [opened.enter_context(bind(host, port, shared=True)) for _ in range(workers)]
            for listener in listeners:
                _be_impatient(listener, http.limits.sendtimeout.total_seconds())
                listener.listen(BACKLOG)
            opened.pop_all()
        return listeners
    except OSError as error:
        raise ServerError(f"cannot listen on {http.addr} (http.addr): {error.strerror}") from None


def bind(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host or (not host and socket.has_dualstack_ipv6()) else socket.AF_INET
    with contextlib.ExitStack() as opened:
        bound = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bool(host)))
        bound.bind((host, port))
        opened.pop_all()
    return bound


def _listen_unix(path: str) -> socket.socket:
    if (length := len(os.fsencode(path))) > LONGEST_PATH:
        told = f"the path of the socket has {length} bytes, and may have at most {LONGEST_PATH}: choose a shorter one"
        raise OSError(errno.ENAMETOOLONG, told)
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)
    except FileNotFoundError:
        pass
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listener.bind(path)
        listener.listen(BACKLOG)
        opened.pop_all()
    return listener


def _be_impatient(listener: socket.socket, seconds: float) -> None:
    """Accepted connections inherit these: the kernel ends one whose peer takes nothing for so long, or is gone.

    TCP_DEFER_ACCEPT, which holds a connection back until its first byte, is not among them: silence comes after the
    first byte too (`idle` ends both), and whoever is held back fills the queue of those that are not connected yet.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
    # What the network is not ready to carry stays in our buffers, which are counted, not in the kernel's.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
