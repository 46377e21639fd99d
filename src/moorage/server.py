"""The process: a launcher around Granian with settings that keep one slow client from stopping all others.

Granian's own defaults let a thousand silent connections block a worker for ever. Here the launcher makes the
listening sockets itself (so that the kernel gives up on clients which take nothing), bounds the time for
headers, and counts many more connections than it expects of clients that do nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import resource
import signal
import socket
import stat
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from moorage.app import Application
from moorage.config import Configuration
from moorage.config.sections.drivers import Filesystem
from moorage.config.sections.http import Http
from moorage.drivers.filesystem import LEADER
from moorage.store.descriptors.removals import Removals

log = logging.getLogger(__name__)

BACKLOG = 4096
BUFFER_BYTES = 256 << 10
UNSENT_BYTES = 256 << 10
BLOCKING_THREADS = 1
STARTUP_SECONDS = 10.0
LONGEST_PAUSE = 5.0

_GRANIAN_LOGS: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"_granian": {"level": "ERROR", "propagate": True, "handlers": []}},
}


class ServerError(Exception):
    """The server cannot start; the text tells the operator why."""


def default_workers() -> int:
    return max(1, min(4, len(os.sched_getaffinity(0))))


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
        with _bound(host, port, shared=False) as probe:
            port = probe.getsockname()[1]
        with contextlib.ExitStack() as opened:
            listeners = [opened.enter_context(_bound(host, port, shared=True)) for _ in range(workers)]
            for listener in listeners:
                _be_impatient(listener, http.limits.sendtimeout.total_seconds())
                listener.listen(BACKLOG)
            opened.pop_all()
        return listeners
    except OSError as error:
        raise ServerError(f"cannot listen on {http.addr} (http.addr): {error.strerror}") from None


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
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
    """Accepted connections inherit these: the kernel ends one whose peer takes nothing for so long, or is gone."""
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
    # What the network is not ready to carry stays in our buffers, which are counted, not in the kernel's.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)


class Launcher(MPServer):
    """Granian's server with sockets of ours, and with workers that are replaced whenever a signal kills them."""

    def __init__(self, listeners: list[socket.socket], **settings: Any) -> None:
        super().__init__("moorage", **settings)
        self._listeners = listeners
        self._failed = False

    def _init_shared_socket(self) -> None:
        self._sso = None

    def _drop_shared_socket(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any, socket_loader: Any = None) -> Any:
        """The socket stays open here, so what connects while its worker is being replaced waits for the next one."""
        listener = self._listeners[idx % len(self._listeners)]
        holder: Any = SocketHolder
        self._shd = holder(listener.fileno(), listener.family == socket.AF_UNIX, BACKLOG)
        return super()._spawn_worker(idx=idx, target=target, callback_loader=callback_loader)

    def signal_handler_interrupt(self, *arguments: Any, **_: Any) -> None:
        """The first signal drains, the second ends all at once."""
        if self.interrupt_signal:
            for worker in self.wrks:
                worker.kill()
        super().signal_handler_interrupt(*arguments)

    def _serve_loop(self, spawn_target: Callable[..., None], target_loader: Callable[..., Any]) -> None:
        pause = 0.0
        while True:
            self.main_loop_interrupt.wait()
            self.main_loop_interrupt.clear()
            if self.interrupt_signal:
                return
            if self.reload_signal:
                self._reload(spawn_target, target_loader)
            for index in list(dict.fromkeys(self.interrupt_children)):
                self.interrupt_children.remove(index)
                worker = self.wrks[index]
                age = time.monotonic() - worker.birth
                # One that ends by itself at its start would do so again; one that was killed would not.
                if worker.inner.exitcode > 0 and age < STARTUP_SECONDS:
                    self._failed = True
                    return
                pause = 0.0 if age > LONGEST_PAUSE else min(LONGEST_PAUSE, pause * 2 + 0.1)
                log.error("worker died, starting another", extra={"worker": index + 1, "pause": pause})
                time.sleep(pause)
                self._replace(index, spawn_target, target_loader)

    def _replace(self, index: int, target: Callable[..., None], loader: Callable[..., Any]) -> None:
        worker = self._spawn_worker(idx=index, target=target, callback_loader=loader)
        worker.start()
        self.wrks[index] = worker

    def shutdown(self, exit_code: int = 0) -> None:
        self.interrupt_children.clear()
        super().shutdown(exit_code or int(self._failed))


def serve(configuration: Configuration, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is called when the socket listens. Raises ServerError; ends with
    SystemExit(1) when a worker cannot start."""
    http = configuration.http
    workers = 1 if configuration.storage.driver.name == "inmemory" else http.workers or default_workers()
    if configuration.storage.driver.name == "inmemory" and (http.workers or 1) > 1:
        log.warning("storage is in memory, so there is one worker only (http.workers)")
    _raise_file_limit()
    listeners = listen(http, workers)
    drain = http.draintimeout.total_seconds()
    multiprocessing.set_start_method("fork", force=True)
    os.register_at_fork(
        before=_hold_signals, after_in_parent=_release_signals, after_in_child=_forget_handlers
    )
    launcher = Launcher(
        listeners,
        interface=Interfaces.ASGI,
        workers=workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=http.limits.connections,
        runtime_blocking_threads=BLOCKING_THREADS,
        http1_settings=HTTP1Settings(
            header_read_timeout=int(http.limits.headertimeout.total_seconds() * 1000),
            max_buffer_size=BUFFER_BYTES,
        ),
        log_level=LogLevels.error,
        log_dictconfig=_GRANIAN_LOGS,
        respawn_failed_workers=True,
        workers_kill_timeout=max(1, int(drain) + 1),
        **_tls(http),
    )
    launcher.on_startup(ready)
    loader = partial(Application, configuration, _leadership(configuration), _serving, Removals())
    launcher.serve(target_loader=loader, wrap_loader=False)


def _leadership(configuration: Configuration) -> str:
    """The file that the workers of all servers on one storage compete for; none where there is one worker only."""
    parameters = configuration.storage.driver.parameters
    return f"{parameters.rootdirectory}/{LEADER}" if isinstance(parameters, Filesystem) else ""


_STOPPING = (signal.SIGTERM, signal.SIGINT)


def _hold_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)


def _release_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


def _forget_handlers() -> None:
    """In a new worker: the launcher's handlers would swallow a signal. It stays held until the worker serves."""
    for number in _STOPPING:
        signal.signal(number, signal.SIG_DFL)


def _serving() -> None:
    """Called by the application when it has started. Granian forgets a signal that comes before it serves, which is
    when the event loop runs next."""
    asyncio.get_running_loop().call_later(0.1, _release_signals)


def _tls(http: Http) -> dict[str, Any]:
    tls = http.tls
    if not tls.certificate or not tls.key:
        return {}
    if len(tls.clientcas) > 1:
        raise ServerError("http.tls.clientcas: put all certificates into one file")
    return {
        "ssl_cert": Path(tls.certificate),
        "ssl_key": Path(tls.key),
        "ssl_protocol_min": SSLProtocols.tls12 if tls.minimumtls == "tls1.2" else SSLProtocols.tls13,
        "ssl_ca": Path(tls.clientcas[0]) if tls.clientcas else None,
        "ssl_client_verify": bool(tls.clientcas),
    }


def _raise_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
