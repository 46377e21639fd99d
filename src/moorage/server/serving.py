"""`serve`: from the configuration to a running launcher."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from starlette.types import ASGIApp

from moorage import logs
from moorage.app import Application
from moorage.auth.base import AuthError
from moorage.config import Configuration
from moorage.config.sections.drivers import Filesystem
from moorage.config.sections.http import Http
from moorage.drivers.base import DriverError
from moorage.drivers.filesystem import LEADER
from moorage.server import debugging, openfiles, protocols, signals, supervisor
from moorage.server.errors import ServerError
from moorage.server.launcher import Launcher
from moorage.server.listening import BACKLOG, address, listen, remover
from moorage.server.worker import Duties
from moorage.shared import Shared

if TYPE_CHECKING:
    from moorage.letsencrypt import Certificates
    from moorage.server.renewal import Files

log = logging.getLogger(__name__)

BLOCKING_THREADS: Final = 1

_GRANIAN_LOGS: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"_granian": {"level": "ERROR", "propagate": True, "handlers": []}},
}


def _default_workers() -> int:
    return max(1, min(4, len(os.sched_getaffinity(0))))


def serve(configuration: Configuration, ready: Callable[[str], None] = lambda address: None) -> None:
    """Serve until SIGTERM, SIGINT or SIGQUIT. `ready` is called with their address once the sockets listen.

    Raises ServerError, and SystemExit(1) if a worker cannot start.
    """
    http = configuration.http
    in_memory = configuration.storage.driver.name == "inmemory"
    workers = 1 if in_memory else http.workers or _default_workers()
    if in_memory and (http.workers or 1) > 1:
        log.warning("storage is in memory, so there is one worker only (http.workers)")
    obtained = _obtained(http)
    files = _files(http, obtained)
    connections = openfiles.connections(http.limits, openfiles.allowed())
    listeners = listen(http, workers)
    debug = debugging.begin(http.debug)
    multiprocessing.set_start_method("fork", force=True)
    signals.hold_in_new_workers()
    port = 0 if listeners[0].family == socket.AF_UNIX else listeners[0].getsockname()[1]
    shared = Shared(
        leader=_leader(configuration),
        port=port,
        debug=debug.listener,
        metrics=debug.metrics,
        certificate=files.ending if files else None,
    )
    duties = Duties(
        build=partial(_application, configuration, shared),
        port=port,
        header_seconds=http.limits.headertimeout.total_seconds(),
        drain_seconds=http.draintimeout.total_seconds(),
        reaps=protocols.waits_without_end(http),
        retires=files is not None and not in_memory,
    )
    renewing = _renewing(obtained, logs.settings(configuration, shared.instance))
    leaving = partial(shared.leaving.turn, down=True)
    serving = partial(supervisor.tell, supervisor.READY)
    launcher = Launcher(
        listeners, duties, files, renewing, leaving, serving, workers=workers, **_settings(http, connections)
    )
    launcher.on_startup(partial(signal.signal, signal.SIGQUIT, launcher.signal_handler_interrupt))
    launcher.on_startup(partial(ready, address(http, listeners[0])))
    if obtained is not None:
        launcher.on_shutdown(obtained.stop)
    launcher.on_shutdown(debug.close)
    launcher.on_shutdown(remover(listeners[0]))
    # Existing objects stay. Otherwise each worker would now and then search all of them for garbage and stall its requests.
    gc.freeze()
    launcher.serve(target_loader=_unused, wrap_loader=False)


def _settings(http: Http, connections: int) -> dict[str, Any]:
    return {
        "interface": Interfaces.ASGI,
        "loop": Loops.uvloop,
        "websockets": False,
        "backlog": BACKLOG,
        "backpressure": connections,
        "runtime_blocking_threads": BLOCKING_THREADS,
        "log_level": LogLevels.error,
        "log_dictconfig": _GRANIAN_LOGS,
        "respawn_failed_workers": True,
        **protocols.settings(http),
    }


def _application(configuration: Configuration, shared: Shared, started: Callable[[], None]) -> ASGIApp:
    """Build the application in a new worker. Files that were fine at the start may be broken by now; that is logged in one
    line."""
    try:
        return Application(configuration, started, shared)
    except (AuthError, DriverError) as error:
        log.error("worker cannot start", extra={"reason": str(error)})
        raise SystemExit(1) from None


def _leader(configuration: Configuration) -> str:
    """The lock file that the workers of all servers on one storage compete for; empty if the storage is not a filesystem."""
    parameters = configuration.storage.driver.parameters
    return f"{parameters.rootdirectory}/{LEADER}" if isinstance(parameters, Filesystem) else ""


def _obtained(http: Http) -> Certificates | None:
    """The keeper of a Let's Encrypt certificate, after making sure that there is one to serve. Raises ServerError."""
    section = http.tls.letsencrypt
    if section.cachefile is None:
        return None
    from moorage.letsencrypt import CertificateError, Certificates

    try:
        found = Certificates(
            Path(section.cachefile),
            section.hosts,
            section.email,
            str(section.directoryurl),
            section.challengeaddr,
        )
        found.ensure()
    except CertificateError as error:
        raise ServerError(str(error)) from None
    return found


def _renewing(obtained: Certificates | None, log_settings: Mapping[str, Any]) -> Callable[[], None]:
    """A function that keeps renewal running, to be called regularly. It logs a failure; the next calls try again."""
    if obtained is None:
        return lambda: None
    from moorage.letsencrypt import CertificateError

    def renewing() -> None:
        try:
            obtained.start(log_settings)
        except CertificateError as error:
            log.warning(str(error))

    return renewing


def _files(http: Http, obtained: Certificates | None) -> Files | None:
    """The TLS files, or None without TLS. Raises ServerError.

    The modules that read certificates are imported for TLS only, as every worker has them in memory.
    """
    if not http.tls.enabled:
        return None
    from moorage.server.files import CertificateError
    from moorage.server.renewal import Files

    try:
        if obtained is None:
            return Files(http.tls)
        path = str(obtained.path)
        return Files(http.tls.model_copy(update={"certificate": path, "key": path}), reminds=False)
    except CertificateError as error:
        raise ServerError(str(error)) from None


def _unused() -> ASGIApp:
    """Granian requires a loader before workers are started, but each worker here has a loader of its own."""
    raise NotImplementedError
