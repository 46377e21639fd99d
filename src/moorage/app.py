"""The composition root: the parts that other modules build from the configuration, assembled into one application."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from moorage import health, logs, notifications, reporting, tracing
from moorage.api import leftover
from moorage.api.answer import NOSNIFF, Answer, RawHeaders, send_bytes
from moorage.api.endpoint import Endpoint
from moorage.api.exchange import Exchange
from moorage.api.limits import Limits
from moorage.api.location import Locations
from moorage.api.memory import Memory
from moorage.api.observing import Observer
from moorage.api.resume import States, signing_key
from moorage.api.routes import TOKEN_PATH
from moorage.api.service import Service
from moorage.auth.base import AuthError
from moorage.caches import build_descriptors
from moorage.config import Configuration
from moorage.config.sections.validation import compiled
from moorage.drivers.base import Driver, DriverError
from moorage.drivers.readonly import ReadOnlyDriver
from moorage.leadership import Leadership
from moorage.middleware import wrap
from moorage.shared import Shared
from moorage.storage import build_driver
from moorage.store.descriptors.base import Descriptors, Nothing
from moorage.store.policy import ReferencePolicy
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from moorage.store.uploads import BATCHES
from moorage.tasks import UploadPurging, Work, forever, led

if TYPE_CHECKING:
    from moorage.controllers import AccessSetup
    from moorage.metrics import Metrics

log = logging.getLogger(__name__)

ALIVE: Final = ("/", "/healthz")
READY: Final = "/readyz"
REFUSED: Final = (404, 405)
"""A body is waited for then only: nothing may hold up the answers about health."""


def build_registry(
    configuration: Configuration, driver: Driver, descriptors: Descriptors | None = None
) -> Registry:
    """Without `descriptors`, nothing is remembered of what links lead to."""
    section = configuration.validation
    urls, indexes = section.manifests.urls, section.manifests.indexes
    if section.disabled:
        policy = ReferencePolicy(children="none")
    else:
        policy = ReferencePolicy(
            allow=[compiled(pattern) for pattern in urls.allow],
            deny=[compiled(pattern) for pattern in urls.deny],
            children=indexes.platforms,
            platforms=frozenset((one.os, one.architecture) for one in indexes.platformlist),
        )
    batches = Memory(configuration.http.limits.memory, buffers=BATCHES, least=64 << 10, most=512 << 10)
    return Registry(
        Stock(
            driver,
            policy,
            batches=batches,
            descriptors=descriptors or Nothing(),
            lasting=not configuration.storage.delete.enabled,
            tag_lookups=configuration.storage.tag.concurrencylimit,
        )
    )


def build_service(configuration: Configuration, registry: Registry, key: bytes) -> Service:
    http, storage = configuration.http, configuration.storage
    limits = http.limits
    return Service(
        registry=registry,
        states=States(key),
        locations=Locations(
            host=str(http.host or ""),
            relative=http.relativeurls,
            prefix=http.prefix.rstrip("/"),
            trusted=http.proxies_for_urls,
            vouching=http.proxies_for_clients,
        ),
        limits=Limits(
            reads=limits.reads,
            downloads=limits.downloads,
            uploads=limits.uploads,
            manifest_bytes=limits.manifestsize,
            body_seconds=limits.bodytimeout.total_seconds(),
            send_seconds=limits.sendtimeout.total_seconds(),
            minimum_rate=limits.minrate,
            memory_bytes=limits.memory,
        ),
        delete_enabled=storage.delete.enabled,
        read_only=storage.maintenance.readonly.enabled,
        upload_seconds=storage.maintenance.uploadpurging.age.total_seconds(),
        catalog_limit=configuration.catalog.maxentries,
        tags_limit=configuration.tags.maxtags,
    )


class Application:
    """`/v2` and `/auth/token` go to the endpoint. The rest are three pages of health and the lifespan: few enough to need
    nothing of Starlette but its types, which spares each process two megabytes."""

    def __init__(
        self,
        configuration: Configuration,
        started: Callable[[], None] = lambda: None,
        shared: Shared | None = None,
    ) -> None:
        """`started` is called once all is open. `shared`: with the other workers of a server."""
        self._configuration = configuration
        self._started = started
        self._shared = shared = shared or Shared()
        self._metrics = _metrics(shared.metrics)
        self._tracing = tracing.build()
        driver = self._watched(build_driver(configuration, shared.folders))
        self._driver, self._upkeep = wrap(driver, configuration)
        if configuration.storage.maintenance.readonly.enabled:
            self._driver = ReadOnlyDriver(self._driver)
        self._descriptors = self._counted(build_descriptors(configuration, self._driver, shared.removals))
        self._registry = build_registry(configuration, self._driver, self._descriptors)
        self._access = _access_setup(configuration, shared)
        self._health = health.build(configuration, self._driver, shared.switch, shared.leaving)
        self._notifications = notifications.build(configuration, shared)
        self._prefix = configuration.http.prefix.rstrip("/")
        self._headers = _headers(configuration)
        self._service: Service | None = None
        self._endpoint: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._endpoint is not None:
            path: str = scope["path"]
            if self._prefix and path.startswith(self._prefix + "/"):
                path = path[len(self._prefix) :]
                scope = {**scope, "path": path}
            elif self._prefix:
                path = ""
            if path.startswith("/v2/") or path in ("/v2", TOKEN_PATH):
                await self._endpoint(scope, receive, send)
                return
        answer = await self._elsewhere(scope)
        if answer.status in REFUSED and self._service is not None:
            await leftover.drop(Exchange(scope, receive, self._service, "", ""))
        own = {name for name, _ in answer.headers}
        answer.headers += [header for header in (NOSNIFF, *self._headers) if header[0] not in own]
        await send_bytes(answer, send, head=scope["method"] == "HEAD")

    async def _live(self, receive: Receive, send: Send) -> None:
        """The lifespan of ASGI."""
        await receive()
        step = "startup"
        try:
            async with self._opened():
                await send({"type": "lifespan.startup.complete"})
                step = "shutdown"
                await receive()
        except BaseException as error:
            if step == "startup" and isinstance(error, AuthError | DriverError):
                # One line tells all; a traceback would bury it.
                log.error("worker cannot start", extra={"reason": str(error)})
                await send({"type": "lifespan.startup.failed"})
                return
            await send({"type": f"lifespan.{step}.failed", "message": traceback.format_exc()})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        configuration = self._configuration
        logs.configure(configuration, self._shared.instance)
        async with contextlib.AsyncExitStack() as open_parts:
            # Closed in the opposite order: what others still need goes last.
            if self._metrics is not None:
                open_parts.callback(self._metrics.close)
            open_parts.push_async_callback(self._driver.close)
            open_parts.push_async_callback(self._descriptors.close)
            service = build_service(configuration, self._registry, await self._upload_key())
            service.healthy = self._health.healthy
            self._service = service
            await self._open(service, open_parts)
            logger = logs.observer(configuration, self._shared.instance)
            open_parts.callback(logger.close)
            observers = [*self._observers(logger)]
            self._endpoint = Endpoint(service, headers=self._headers, observers=observers)
            tasks = [asyncio.create_task(forever(work)) for work in self._work()]
            open_parts.push_async_callback(_ended, tasks)
            self._started()
            yield

    async def _upload_key(self) -> bytes:
        shared, secret = self._shared.upload_key, self._configuration.http.secret
        if kept := shared.get():
            return kept
        try:
            key = await signing_key(secret.get_secret_value() if secret else "", self._driver)
        except DriverError:
            if not self._configuration.storage.maintenance.readonly.enabled:
                raise
            # A read-only registry signs no uploads.
            key = secrets.token_bytes(32)
        return shared.keep(key)

    async def _open(self, service: Service, open_parts: contextlib.AsyncExitStack) -> None:
        """What a service has only where the configuration wants it."""
        if self._tracing is not None:
            open_parts.push_async_callback(self._tracing.close)
        if self._access is not None:
            control = await self._access.open(self._driver)
            service.access, service.tokens = control.controller, control.tokens
            open_parts.push_async_callback(control.close)
        if (reporter := reporting.build(self._configuration)) is not None:
            service.report = reporter.report
            open_parts.push_async_callback(reporter.close)
        if self._notifications is not None:
            service.events = self._notifications.sink
            open_parts.push_async_callback(self._notifications.close)
        if self._shared.debug is not None:
            from moorage import debug

            parts = debug.Parts(
                self._configuration,
                self._shared,
                self._registry,
                self._health,
                self._metrics,
                self._notifications,
            )
            listener = debug.Listener(parts)
            await listener.start()
            open_parts.push_async_callback(listener.close)

    def _counted(self, descriptors: Descriptors) -> Descriptors:
        return descriptors if self._metrics is None else self._metrics.counted(descriptors)

    def _watched(self, driver: Driver) -> Driver:
        if self._metrics is not None:
            driver = self._metrics.metered(driver)
        return driver if self._tracing is None else self._tracing.traced(driver)

    def _observers(self, logger: Observer) -> Iterator[Observer]:
        """The traces first, so that the others may name them."""
        if self._tracing is not None:
            yield self._tracing.observer
        yield logger
        if self._metrics is not None:
            yield self._metrics.observer

    def _work(self) -> list[Work]:
        work: list[Work] = [*self._upkeep, *self._health.work]
        if self._notifications is not None:
            work += self._notifications.work
        purging = self._configuration.storage.maintenance.uploadpurging
        if purging.enabled and not self._configuration.storage.maintenance.readonly.enabled:
            purge = UploadPurging(self._registry, purging.age, purging.interval, purging.dryrun)
            leader = self._shared.leader
            work.append(partial(led, Leadership(leader), purge) if leader else purge)
        return work

    async def _elsewhere(self, scope: Scope) -> Answer:
        """The pages of health, also with a slash at the end; nothing else is here."""
        path = scope["path"].rstrip("/") or scope["path"]
        if path not in ALIVE and path != READY:
            return _page(404, "Not Found")
        if scope["method"] not in ("GET", "HEAD"):
            return _page(405, "Method Not Allowed", [(b"allow", b"GET, HEAD")])
        if path == READY and not await self._health.ready():
            return _page(503, "not ready: see the log\n")
        return Answer.empty(200)


def _page(status: int, text: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
    return Answer.of(text.encode(), b"text/plain; charset=utf-8", status, headers)


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _metrics(folder: str) -> Metrics | None:
    """Loaded only where somebody counts: every process would have it in its memory."""
    if not folder:
        return None
    from moorage import metrics

    return metrics.build(folder)


def _access_setup(configuration: Configuration, shared: Shared) -> AccessSetup | None:
    """None where everybody may do everything: then no process carries what checks tokens and certificates."""
    if configuration.auth.kind == "none":
        return None
    from moorage.controllers import AccessSetup

    return AccessSetup(configuration, shared.remembered, shared.kept)


def _headers(configuration: Configuration) -> RawHeaders:
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, values in configuration.http.headers.items()
        for value in values
        if name.lower() != "x-content-type-options"
    ]
