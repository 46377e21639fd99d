"""The composition root: the one place that reads the configuration and builds the parts from it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from moorage.api.answer import RawHeaders
from moorage.api.endpoint import Endpoint
from moorage.api.limits import Limits, Memory
from moorage.api.location import Locations
from moorage.api.resume import States, signing_key
from moorage.api.routes import TOKEN_PATH
from moorage.api.service import Service
from moorage.auth.remembered import Remembered
from moorage.caches import build_descriptors
from moorage.config import Configuration
from moorage.drivers.base import Driver
from moorage.drivers.readonly import ReadOnlyDriver
from moorage.health import StorageHealth
from moorage.middleware import Work, wrap
from moorage.observe import access, logging
from moorage.storage import build_driver
from moorage.store.descriptors.base import Descriptors, Nothing
from moorage.store.descriptors.removals import Removals
from moorage.store.policy import ReferencePolicy
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from moorage.store.uploads import BATCHES
from moorage.tasks import Leadership, UploadPurging, lead

if TYPE_CHECKING:
    from moorage.controllers import AccessSetup


def configure_logging(configuration: Configuration) -> None:
    section = configuration.log
    logging.configure(section.level, section.formatter, section.fields, caller=section.reportcaller)


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
            allow=[re.compile(pattern) for pattern in urls.allow],
            deny=[re.compile(pattern) for pattern in urls.deny],
            children=indexes.platforms,
            platforms=frozenset((one.os, one.architecture) for one in indexes.platformlist),
        )
    batches = Memory(configuration.http.limits.memory, buffers=BATCHES, least=64 << 10, most=1 << 20)
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
            trusted=tuple(http.trustedproxies),
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
    """`/v2` and `/auth/token` go straight to the endpoint; the rest, which is rarely asked, and the lifespan go through
    Starlette."""

    def __init__(
        self,
        configuration: Configuration,
        leadership: str = "",
        started: Callable[[], None] = lambda: None,
        removals: Removals | None = None,
        remembered: Remembered | None = None,
    ) -> None:
        """`removals`, `remembered`: shared by the workers of a server."""
        self._configuration = configuration
        self._started = started
        self._leadership = leadership
        self._driver, self._upkeep = wrap(build_driver(configuration), configuration)
        if configuration.storage.maintenance.readonly.enabled:
            self._driver = ReadOnlyDriver(self._driver)
        self._descriptors = build_descriptors(configuration, self._driver, removals or Removals())
        self._registry = build_registry(configuration, self._driver, self._descriptors)
        self._access = _access_setup(configuration, remembered or Remembered())
        probe = configuration.health.storagedriver
        self._health = StorageHealth(
            self._driver, interval=probe.interval.total_seconds(), threshold=probe.threshold
        )
        self._prefix = configuration.http.prefix.rstrip("/")
        self._endpoint: ASGIApp | None = None
        self._rest = Starlette(
            routes=[
                Route("/", self._alive),
                Route("/healthz", self._alive),
                Route("/readyz", self._ready),
            ],
            lifespan=self._lifespan,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._endpoint is not None:
            path: str = scope["path"]
            if self._prefix and path.startswith(self._prefix + "/"):
                path = path[len(self._prefix) :]
                scope = {**scope, "path": path}
            elif self._prefix:
                path = ""
            if path.startswith("/v2/") or path in ("/v2", TOKEN_PATH):
                await self._endpoint(scope, receive, send)
                return
        await self._rest(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        configuration = self._configuration
        configure_logging(configuration)
        secret = configuration.http.secret
        key = await signing_key(secret.get_secret_value() if secret else "", self._driver)
        service = build_service(configuration, self._registry, key)
        access_control = await self._access.open(self._driver) if self._access else None
        if access_control is not None:
            service.access, service.tokens = access_control.controller, access_control.tokens
        if configuration.health.storagedriver.enabled:
            service.healthy = lambda: self._health.healthy
        self._endpoint = Endpoint(
            service,
            headers=_headers(configuration),
            access_log=None if configuration.log.accesslog.disabled else access.write,
        )
        tasks = [asyncio.create_task(work()) for work in self._work()]
        self._started()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if access_control is not None:
                await access_control.close()
            await self._descriptors.close()
            await self._driver.close()

    def _work(self) -> list[Work]:
        work: list[Work] = [*self._upkeep]
        if self._configuration.health.storagedriver.enabled:
            work.append(self._health.watch)
        purging = self._configuration.storage.maintenance.uploadpurging
        if purging.enabled and not self._configuration.storage.maintenance.readonly.enabled:
            purge = UploadPurging(self._registry, purging.age, purging.interval, purging.dryrun)
            if self._leadership:
                leadership = Leadership(self._leadership)
                work.append(lambda: lead(leadership, [purge]))
            else:
                work.append(purge)
        return work

    async def _alive(self, _: Request) -> Response:
        return Response()

    async def _ready(self, _: Request) -> Response:
        await self._health.probe()
        if self._health.healthy:
            return Response()
        return PlainTextResponse("the storage does not answer\n", status_code=503)


def _access_setup(configuration: Configuration, remembered: Remembered) -> AccessSetup | None:
    """None where everybody may do everything: then no process carries what checks tokens and certificates."""
    if configuration.auth.kind == "none":
        return None
    from moorage.controllers import AccessSetup

    return AccessSetup(configuration, remembered)


def _headers(configuration: Configuration) -> RawHeaders:
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, values in configuration.http.headers.items()
        for value in values
        if name.lower() != "x-content-type-options"
    ]
