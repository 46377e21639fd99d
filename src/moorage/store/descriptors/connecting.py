"""Clients of Redis: one server, a master that sentinels watch, or a cluster."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Connection, Redis, RedisCluster, SSLConnection
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import ExponentialWithJitterBackoff
from redis.driver_info import DriverInfo
from redis.maint_notifications import MaintNotificationsConfig

READ_SECONDS: Final = 3.0
"""The longest wait for an answer, unless `readtimeout` is set."""


@dataclass(frozen=True, slots=True)
class RedisTls:
    """Paths of PEM files. `rootcas` are trusted in addition to those of the system."""

    enabled: bool | None = None
    certificate: str = ""
    key: str = ""
    rootcas: tuple[str, ...] = ()

    @property
    def wanted(self) -> bool:
        return bool(self.certificate or self.rootcas) if self.enabled is None else self.enabled


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """Options, named like the keys of the section `redis`. Times are in seconds. 0 means unset, for `maxretries` too. Less
    than 0 means no limit for a timeout, no wait for the waits between tries, and no retry for `maxretries`."""

    addrs: tuple[tuple[str, int], ...]
    """The server; with `mastername` the sentinels; otherwise, if there are several, nodes of a cluster."""
    mastername: str = ""
    db: int = 0
    """Ignored in a cluster, which has only one."""
    username: str = ""
    password: str = field(default="", repr=False)
    sentinelusername: str = ""
    sentinelpassword: str = field(default="", repr=False)
    clientname: str = ""
    disableidentity: bool = False
    identitysuffix: str = ""
    protocol: int | None = None
    """By default 2, which every server speaks."""
    maxretries: int = 0
    minretrybackoff: float = 0.0
    maxretrybackoff: float = 0.0
    """Ignored for the nodes of a cluster, which are tried again at once."""
    dialtimeout: float = 0.0
    readtimeout: float = 0.0
    poolsize: int = 0
    """0: 10 per processor. In a cluster, the limit of each node."""
    maxactiveconns: int = 0
    """0: no limit besides `poolsize`."""
    pooltimeout: float = 0.0
    """Unset: `readtimeout` plus one second. Ignored with sentinels and in a cluster, where nothing waits for a connection."""
    tls: RedisTls = field(default_factory=RedisTls)


def connect(options: RedisOptions) -> Redis | RedisCluster:
    """A client, which connects when it is used. Raises ValueError without addresses, and OSError if a file of `tls` cannot be
    used."""
    addresses = [(host or "localhost", port) for host, port in options.addrs]
    if not addresses:
        raise ValueError("needs the address of a Redis server")
    arguments = _shared(options) | {
        "username": options.username or None,
        "password": options.password or None,
        "client_name": options.clientname or None,
    }
    if options.mastername:
        return _behind_sentinels(options, addresses, arguments)
    if len(addresses) > 1:
        nodes = [ClusterNode(host, port) for host, port in addresses]
        return RedisCluster(startup_nodes=nodes, max_connections=_connections(options), **arguments)
    (host, port), secured = addresses[0], arguments.pop("ssl", False)
    busy = _limit(options.readtimeout, READ_SECONDS) or READ_SECONDS
    pool = BlockingConnectionPool(
        max_connections=_connections(options),
        timeout=_limit(options.pooltimeout, busy + 1.0),
        host=host,
        port=port,
        db=options.db,
        connection_class=SSLConnection if secured else Connection,
        **arguments,
    )
    return Redis.from_pool(pool)


class _Master(Redis):
    """A client that closes the connections to the sentinels along with its own."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        if isinstance(self.connection_pool, SentinelConnectionPool):
            await self.connection_pool.sentinel_manager.aclose()


def _behind_sentinels(
    options: RedisOptions, addresses: list[tuple[str, int]], arguments: dict[str, Any]
) -> Redis:
    watched = _shared(options) | {
        "username": options.sentinelusername or None,
        "password": options.sentinelpassword or None,
    }
    sentinels = Sentinel(addresses, sentinel_kwargs=watched)  # type: ignore[no-untyped-call]
    master: Redis = sentinels.master_for(
        options.mastername, _Master, max_connections=_connections(options), db=options.db, **arguments
    )
    return master


def _shared(options: RedisOptions) -> dict[str, Any]:
    """The arguments for both sentinels and servers."""
    shortest = max(0.0, options.minretrybackoff or 0.008)
    longest = max(0.0, options.maxretrybackoff or 0.512)
    identity = DriverInfo(name=f"redis-py{options.identitysuffix}")
    return {
        "socket_connect_timeout": _limit(options.dialtimeout, 5.0),
        "socket_timeout": _limit(options.readtimeout, READ_SECONDS),
        "retry": Retry(ExponentialWithJitterBackoff(longest, shortest), max(0, options.maxretries or 3)),
        "protocol": options.protocol or 2,
        "driver_info": None if options.disableidentity else identity,
        # With these notifications, the client would reuse a connection that has unread data.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        **(_secured(options.tls) if options.tls.wanted else {}),
    }


def _secured(tls: RedisTls) -> dict[str, Any]:
    roots = "".join(f"{Path(path).read_text()}\n" for path in tls.rootcas) or None
    # Loaded here, so that an unusable file fails the start instead of every connection.
    context = ssl.create_default_context(cadata=roots)
    if tls.certificate:
        context.load_cert_chain(tls.certificate, tls.key)
    return {
        "ssl": True,
        "ssl_ca_data": roots,
        "ssl_certfile": tls.certificate or None,
        "ssl_keyfile": tls.key or None,
    }


def _connections(options: RedisOptions) -> int:
    size = options.poolsize or 10 * (os.cpu_count() or 1)
    return min(size, options.maxactiveconns or size)


def _limit(seconds: float, unset: float) -> float | None:
    if seconds < 0:
        return None
    return seconds or unset
