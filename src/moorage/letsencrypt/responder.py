"""Answers the authority's `GET http://<host>/.well-known/acme-challenge/<token>`. Listens only while there is a challenge.

Any client can reach it in that time: each connection may send one short request, has little time, and gives way to newer ones.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from moorage.letsencrypt.challenge import answer
from moorage.letsencrypt.errors import CertificateError

CONNECTIONS = 64
BACKLOG = 1024
SECONDS = 10.0
HEAD_BYTES = 8192
_END = b"\r\n\r\n"
_POLL_SECONDS = 1.0

_ADVICE = {
    errno.EADDRINUSE: "the authority asks there; stop what listens on it",
    errno.EACCES: "the authority asks there; run as root, give the capability NET_BIND_SERVICE, or lower the sysctl "
    "net.ipv4.ip_unprivileged_port_start",
}


@dataclass
class _Client:
    deadline: float
    head: bytearray = field(default_factory=bytearray)


class Responder:
    """A context manager that answers challenges in a thread of its own, which has ended on exit.

    `address` is `[host]:port`. Other requests to `hosts` are redirected to https. Raises CertificateError if it cannot listen.
    """

    def __init__(self, address: str, hosts: Sequence[str]) -> None:
        self._address = address
        self._hosts = tuple(hosts)
        self._answers: dict[str, str] = {}
        self._clients: dict[socket.socket, _Client] = {}

    def publish(self, answers: Mapping[str, str]) -> None:
        """Answer these challenges from now on. `answers`: key authorizations by token."""
        self._answers.update(answers)

    def __enter__(self) -> Responder:
        self._listener = _listen(self._address)
        self._listener.setblocking(False)
        self._ending, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="http-01", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.close()
        self._thread.join()
        self._ending.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as self._ready, self._listener:
            self._ready.register(self._listener, selectors.EVENT_READ)
            self._ready.register(self._ending, selectors.EVENT_READ)
            while self._turn():
                for client in [
                    one for one, state in self._clients.items() if state.deadline < time.monotonic()
                ]:
                    self._drop(client)
            for client in list(self._clients):
                self._drop(client)

    def _turn(self) -> bool:
        """Handle the sockets that are ready. Returns False when it is time to end."""
        for key, _ in self._ready.select(_POLL_SECONDS):
            if key.fileobj is self._ending:
                return False
            if key.fileobj is self._listener:
                self._accept()
            elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._clients:
                self._read(key.fileobj)
        return True

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            # The client has left already, or no descriptor is left: the pause keeps that from becoming a busy loop.
            time.sleep(0.01)
            return
        client.setblocking(False)
        if len(self._clients) >= CONNECTIONS:
            self._drop(next(iter(self._clients)))
        self._clients[client] = _Client(time.monotonic() + SECONDS)
        self._ready.register(client, selectors.EVENT_READ)

    def _read(self, client: socket.socket) -> None:
        """Read from a client, and answer a complete head. A client that leaves or sends a longer head gets no response."""
        head = self._clients[client].head
        with contextlib.suppress(OSError):
            received = client.recv(HEAD_BYTES)
            head += received
            if received and _END not in head and len(head) <= HEAD_BYTES:
                return
            if _END in head[:HEAD_BYTES]:
                # The response fits into the send buffer, which is still empty.
                client.send(answer(bytes(head), self._answers, self._hosts))
        self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        del self._clients[client]
        self._ready.unregister(client)
        client.close()


def _listen(address: str) -> socket.socket:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise CertificateError(f"cannot listen on {address}: write [host]:port")
    host = host.strip("[]")
    both = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if ":" in host or both else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family, dualstack_ipv6=both, backlog=BACKLOG)
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "the authority asks there")
        raise CertificateError(f"cannot listen on {address}: {_reason(error)}; {advice}") from error


def _reason(error: OSError) -> str:
    """The system's message, without the address that create_server adds."""
    return error.strerror.partition(" (while")[0] if error.strerror else str(error)
