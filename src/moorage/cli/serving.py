"""`moorage serve`: reports problems with the storage and other parts before the first worker starts.

What this module imports is in the memory of the launcher and of every worker, so it does without Typer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urlsplit

from moorage import __version__
from moorage.cli.starting import fail, read
from moorage.drivers.base import DriverError
from moorage.printable import printable

if TYPE_CHECKING:
    from moorage.config import Configuration
    from moorage.config.sections.http import Http
    from moorage.controllers import AccessSetup
    from moorage.drivers.base import Driver

log = logging.getLogger(__name__)

LOCAL = ("", "127.0.0.1", "0.0.0.0", "[::]")  # noqa: S104 - what others are told, not what is listened on
"""Hosts in `http.addr` that `localhost` reaches, which clients trust without TLS."""

WELCOME = """
  Moorage listens on {address}. Try it with an image you have:

    docker tag hello-world {registry}/hello-world
    docker push {registry}/hello-world
    docker pull {registry}/hello-world
"""


def serve(config: Path | None, *, welcome: bool = False) -> None:
    """Serve the registry until SIGTERM. `welcome`: print what to try first."""
    from moorage import logs
    from moorage.server import ServerError
    from moorage.server import serve as run_server

    loaded = read(config)
    configuration = loaded.configuration
    logs.configure(configuration)
    access = _access(configuration)
    _prepare_storage(configuration, access)
    _prepare_notifications(configuration)
    _check_tracing()

    def ready(address: str) -> None:
        _tell(configuration, address, printable(str(loaded.source)) if loaded.source else "built-in defaults")
        if welcome:
            _say(welcoming(configuration.http, address), sys.stdout)

    try:
        run_server(configuration, ready)
    except ServerError as error:
        fail(str(error))


def _tell(configuration: Configuration, address: str, source: str) -> None:
    """Say that the server listens: in a line, or as an event where programs read the log."""
    tls, auth = configuration.http.tls.enabled, configuration.auth.kind
    if configuration.log.formatter != "text":
        facts = {"address": address, "tls": tls, "auth": auth, "configuration": source}
        log.info("server listens", extra=facts)
        return
    how = f"{', tls' if tls else ''}{', without auth' if auth == 'none' else ''}"
    _say(f"moorage {__version__} listens on {address}{how} (configuration: {source})\n", sys.stderr)


def _say(text: str, stream: TextIO | None) -> None:
    """To whom it may concern: nothing depends on it. `stream`: None if it is closed. Its buffer would keep what cannot be written for
    the end of the process."""
    if stream is None:
        return
    with contextlib.suppress(OSError):
        stream.flush()
        os.write(stream.fileno(), text.encode(errors="backslashreplace"))


def welcoming(http: Http, address: str) -> str:
    """What to try first. Empty if clients cannot: they reach no unix socket and no path below a host."""
    here = typed(address) if http.net == "tcp" else address
    registry = "" if http.net == "unix" or http.prefix.strip("/") else here
    if http.host:
        parts = urlsplit(str(http.host))
        registry = "" if parts.path.strip("/") else parts.netloc
    return f"{WELCOME.format(address=here, registry=registry)}\n" if registry else ""


def typed(address: str) -> str:
    """The address to type on this machine."""
    host, _, port = address.rpartition(":")
    return f"localhost:{port}" if host in LOCAL else address


def _access(configuration: Configuration) -> AccessSetup | None:
    """Check before the first client connects that clients can sign in. None if they need not."""
    if configuration.auth.kind == "none":
        return None
    from moorage.auth.base import AuthError
    from moorage.auth.remembered import Remembered
    from moorage.controllers import AccessSetup

    try:
        return AccessSetup(configuration, Remembered())
    except AuthError as error:
        fail(str(error))


def _check_tracing() -> None:
    """Check before there are workers that tracing can work as OpenTelemetry's environment variables ask for."""
    from moorage import tracing

    try:
        tracing.check()
    except tracing.TracingError as error:
        fail(str(error))


def _prepare_notifications(configuration: Configuration) -> None:
    from moorage.notifications import NotificationsError, prepare

    try:
        prepare(configuration)
    except NotificationsError as error:
        fail(str(error))


def _prepare_storage(configuration: Configuration, access: AccessSetup | None) -> None:
    """Check before the first client connects that the storage can be used."""
    from moorage.auth.base import AuthError
    from moorage.drivers.filesystem import FilesystemDriver
    from moorage.middleware import wrap
    from moorage.storage import OBJECT_STORES, build_driver

    if configuration.storage.driver.name in OBJECT_STORES:
        _check_store_apart(configuration, access)
        return
    driver = build_driver(configuration)
    wrap(driver, configuration)
    if not isinstance(driver, FilesystemDriver):
        return
    try:
        driver.prepare(read_only=configuration.storage.maintenance.readonly.enabled)
        asyncio.run(_prepare_keys(configuration, access, driver))
    except DriverError as error:
        # Of a file below the root, the driver tells the path from there.
        root = "" if error.path.startswith(driver.root) else driver.root
        fail(f"storage.filesystem.rootdirectory: {root}{error}")
    except AuthError as error:
        fail(str(error))
    finally:
        asyncio.run(driver.close())
        # They end by themselves now, and must be gone before the workers are forked: what a thread holds then is never given back.
        for thread in threading.enumerate():
            if thread.name.startswith("storage-"):
                thread.join()


def _check_store_apart(configuration: Configuration, access: AccessSetup | None) -> None:
    """Check an object store in a process of its own: its client has threads, which workers forked later would lack."""
    import multiprocessing

    checking = multiprocessing.get_context("fork").Process(target=_check_store, args=(configuration, access))
    checking.start()
    checking.join()
    if checking.exitcode:
        raise SystemExit(1)


def _check_store(configuration: Configuration, access: AccessSetup | None) -> None:
    from moorage.auth.base import AuthError
    from moorage.caches import build_descriptors
    from moorage.middleware import wrap
    from moorage.storage import build_driver
    from moorage.store import layout
    from moorage.store.descriptors.removals import Removals
    from moorage.store.secret import SETTLING_SECONDS

    async def check(driver: Driver) -> None:
        await driver.is_folder(layout.ROOT)
        await _prepare_keys(configuration, access, driver, settling=SETTLING_SECONDS)

    try:
        driver = build_driver(configuration)
        wrap(driver, configuration)
        build_descriptors(configuration, driver, Removals())
    except DriverError as error:
        fail(str(error))
    try:
        asyncio.run(check(driver))
    except DriverError as error:
        fail(f"storage.{configuration.storage.driver.name}: {error}")
    except AuthError as error:
        fail(str(error))


async def _prepare_keys(
    configuration: Configuration, access: AccessSetup | None, driver: Driver, settling: float = 0.0
) -> None:
    """Make the keys that are kept in the storage before workers are forked, so that all of them find the same. `settling`: see
    `make_secret`. Raises DriverError and AuthError."""
    from moorage.api.resume import signing_key
    from moorage.drivers.readonly import ReadOnlyDriver

    read_only = configuration.storage.maintenance.readonly.enabled
    if not configuration.http.secret and not read_only:
        await signing_key("", driver, settling=settling)
    if access is not None:
        await access.prepare(ReadOnlyDriver(driver) if read_only else driver)
