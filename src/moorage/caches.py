"""Builds the configured cache of descriptors. Local disks need none: asking the disk is as fast and never stale."""

from __future__ import annotations

import hmac
import ssl
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from moorage.config import Configuration
from moorage.config.sections.clouds import Azure, Gcs
from moorage.config.sections.redis import Redis
from moorage.config.sections.s3 import S3
from moorage.config.sections.storage import Storage
from moorage.config.values import host_and_port, revealed
from moorage.drivers.base import Driver, DriverError
from moorage.store import layout
from moorage.store.announcing import last_beat
from moorage.store.descriptors.base import Descriptors, Nothing
from moorage.store.descriptors.memory import MemoryDescriptors
from moorage.store.descriptors.removals import Removals
from moorage.store.descriptors.trust import Watched
from moorage.store.secret import SETTLING_SECONDS, make_secret, read_secret

KEPT_SECONDS: Final = 600.0

UNTOLD_SECONDS: Final = 10.0
"""How long a link is remembered where other servers may delete links: they do not announce it to this server."""


def build_descriptors(configuration: Configuration, driver: Driver, removals: Removals) -> Descriptors:
    """Build the cache, without connecting to anything yet. Raises DriverError naming the key if that is impossible."""
    cache = configuration.storage.cache
    if not driver.distant or cache.blobdescriptor == "none":
        return Nothing()
    inner: Descriptors
    if cache.blobdescriptor == "redis":
        inner = _redis(configuration.redis, partial(_name, configuration.storage, driver))
    else:
        seconds = UNTOLD_SECONDS if configuration.storage.delete.enabled else KEPT_SECONDS
        inner = MemoryDescriptors(cache.blobdescriptorsize, seconds, removals=removals)
    return Watched(inner, lambda: last_beat(driver))


async def _name(storage: Storage, driver: Driver) -> str:
    """The registry's name in a Redis that others may use, too. Not only from the secret: a copy of a bucket has the same one. And
    without an address: replicas may reach a store by different ones. Raises DriverError."""
    if not (secret := await read_secret(driver)):
        try:
            secret = await make_secret(driver, settling=SETTLING_SECONDS)
        except DriverError as error:
            raise DriverError(
                layout.SECRET, f"is missing; a server that may write makes it when it starts ({error})"
            ) from error
    return hmac.digest(secret, repr(_place(storage)).encode(), "sha256").hex()[:32]


def _place(storage: Storage) -> tuple[str, ...]:
    parameters = storage.driver.parameters
    assert isinstance(parameters, S3 | Azure | Gcs), "no other driver is distant"
    bucket = parameters.container if isinstance(parameters, Azure) else parameters.bucket
    return (bucket, *filter(None, parameters.rootdirectory.split("/")))


def _redis(section: Redis, registry: Callable[[], Awaitable[str]]) -> Descriptors:
    try:
        from moorage.store.descriptors.connecting import RedisOptions, RedisTls, connect
        from moorage.store.descriptors.redis import RedisDescriptors
    except ModuleNotFoundError as error:
        raise DriverError(
            "storage.cache.blobdescriptor", f"{error.name} is not installed: pip install 'moorage[redis]'"
        ) from None
    options = RedisOptions(
        addrs=tuple(host_and_port(address) for address in section.addrs),
        mastername=section.mastername or "",
        db=section.db,
        username=section.username or "",
        password=revealed(section.password),
        sentinelusername=section.sentinelusername or "",
        sentinelpassword=revealed(section.sentinelpassword),
        clientname=section.clientname or "",
        disableidentity=section.disableidentity,
        identitysuffix=section.identitysuffix or "",
        protocol=int(section.protocol) if section.protocol else None,
        maxretries=section.maxretries,
        minretrybackoff=_seconds(section.minretrybackoff),
        maxretrybackoff=_seconds(section.maxretrybackoff),
        dialtimeout=_seconds(section.dialtimeout),
        readtimeout=_seconds(section.readtimeout),
        poolsize=section.poolsize or 0,
        maxactiveconns=section.maxactiveconns,
        pooltimeout=_seconds(section.pooltimeout),
        tls=RedisTls(
            enabled=section.tls.enabled,
            certificate=section.tls.certificate or "",
            key=section.tls.key or "",
            rootcas=tuple(section.tls.rootcas),
        ),
    )
    if options.tls.wanted:
        _check_roots(options.tls.rootcas)
    try:
        return RedisDescriptors(connect(options), KEPT_SECONDS, registry)
    except ValueError as error:
        raise DriverError("redis.addrs", str(error)) from None
    except OSError as error:
        raise DriverError("redis.tls", str(error)) from None


def _check_roots(paths: Iterable[str]) -> None:
    """Each on its own: an error about all of them together names none. Raises DriverError."""
    for path in paths:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=Path(path).read_text())
        except (ssl.SSLError, ValueError, TypeError):
            raise DriverError(
                "redis.tls.rootcas",
                f"{path}: holds no certificate in PEM, is damaged, or has letters outside ASCII",
            ) from None
        except OSError as error:
            raise DriverError("redis.tls.rootcas", f"{path}: {error.strerror}") from None


def _seconds(duration: timedelta | None) -> float:
    """The seconds, or 0 if unset, which is the convention of `RedisOptions`."""
    return duration.total_seconds() if duration is not None else 0.0
