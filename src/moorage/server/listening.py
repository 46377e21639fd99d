"""The listening sockets: one for each worker, on an address that no other program uses."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from moorage.config.sections.http import Http
from moorage.server.errors import ServerError

BACKLOG: Final = 4096
UNSENT_BYTES: Final = 256 << 10
LONGEST_PATH: Final = 107
"""Maximum length in bytes of a unix socket's path: the kernel allows 108 including the final NUL."""


def listen(http: Http, workers: int = 1) -> list[socket.socket]:
    """Open listening sockets on one address, one for each worker. Raises ServerError naming the address.

    The kernel spreads connections over the sockets. If workers shared one, the first to wake would take a whole burst.
    A unix socket is shared.
    """
    try:
        where = http.listen
        if isinstance(where, Path):
            return [_listen_unix(str(where))]
        host, port = where
        # SO_REUSEPORT also allows sharing with another program: a probe without it detects that the port is taken.
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


def address(http: Http, listener: socket.socket) -> str:
    """`http.addr`, with the port that the kernel chose if it asks for any."""
    where = http.listen
    if isinstance(where, Path) or where[1] != 0:
        return http.addr
    return f"{http.addr.rpartition(':')[0]}:{listener.getsockname()[1]}"


def bind(host: str, port: int, *, shared: bool) -> socket.socket:
    """Bind a TCP socket. A wildcard address, `0.0.0.0` too, takes IPv4 and IPv6, as Go's `net.Listen` has it. Raises OSError."""
    both = _is_wildcard(host) and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both or ":" in host else socket.AF_INET
    with contextlib.ExitStack() as opened:
        bound = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not both))
        try:
            bound.bind(("" if both else host, port))
        except TypeError:
            # Python cannot write the name in ASCII (IDNA).
            raise OSError(errno.EADDRNOTAVAIL, "no name of a host") from None
        opened.pop_all()
    return bound


def _is_wildcard(host: str) -> bool:
    try:
        return not host or ip_address(host).is_unspecified
    except ValueError:
        return False


def _listen_unix(path: str) -> socket.socket:
    if (length := len(os.fsencode(path))) > LONGEST_PATH:
        told = f"the path of the socket has {length} bytes, and may have at most {LONGEST_PATH}: choose a shorter one"
        raise OSError(errno.ENAMETOOLONG, told)
    _remove_abandoned(path)
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listener.bind(path)
        listener.listen(BACKLOG)
        opened.pop_all()
    return listener


def _remove_abandoned(path: str) -> None:
    """Remove a unix socket that nobody listens on. Raises OSError if somebody does, or if that cannot be told."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # A socket whose queue is full would let this wait.
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def remover(listener: socket.socket) -> Callable[[], None]:
    """A function that removes the file of a unix socket, unless another server has its own there by then. For TCP, it does nothing."""
    if listener.family != socket.AF_UNIX:
        return lambda: None
    path = listener.getsockname()
    made = _identity(path)

    def remove() -> None:
        with contextlib.suppress(OSError):
            if _identity(path) == made:
                os.unlink(path)

    return remove


def _identity(path: str) -> tuple[int, ...]:
    """The number of a file is used again once it is removed, so its time counts too."""
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _be_impatient(listener: socket.socket, seconds: float) -> None:
    """Have the kernel end connections whose client reads nothing for so long, or is gone. Accepted sockets inherit this.

    TCP_DEFER_ACCEPT, which holds a connection back until its first byte, is not used: a client may fall silent after its
    first byte as well (`idle` ends both), and connections held back fill the queue of incomplete connections.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
    # Data that the network cannot carry yet stays in the worker's buffers, which are counted, not in the kernel's.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
