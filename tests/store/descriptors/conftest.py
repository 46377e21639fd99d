"""A Redis for the tests of a module, and caches over it that are closed in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Protocol

import pytest

from moorage.store.descriptors.circuit import Circuit
from moorage.store.descriptors.connecting import RedisOptions, connect
from moorage.store.descriptors.redis import Client, RedisDescriptors, nameless
from tests.store.descriptors.servers import RedisServer, running


class Caches(Protocol):
    def __call__(
        self,
        port: int = 0,
        *,
        client: Client | None = None,
        answer_seconds: float = 5.0,
        seconds: float = 600,
        registry: Callable[[], Awaitable[str]] = nameless,
    ) -> RedisDescriptors:
        """Another process, as far as Redis can tell; it comes back soon after an outage."""
        ...


@pytest.fixture(scope="module")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running(RedisServer(tmp_path_factory.mktemp("redis"))) as server:
        yield server


@pytest.fixture
def redis(shared_redis: RedisServer) -> RedisServer:
    """Empty, and not to be killed."""
    shared_redis.cli("FLUSHALL")
    return shared_redis


@pytest.fixture
async def caches() -> AsyncIterator[Caches]:
    made: list[RedisDescriptors] = []

    def make(
        port: int = 0,
        *,
        client: Client | None = None,
        answer_seconds: float = 5.0,
        seconds: float = 600,
        registry: Callable[[], Awaitable[str]] = nameless,
    ) -> RedisDescriptors:
        client = client or connect(RedisOptions((("127.0.0.1", port),), maxretries=-1))
        circuit = Circuit(0.02, 0.1)
        cache = RedisDescriptors(client, seconds, registry, answer_seconds=answer_seconds, circuit=circuit)
        made.append(cache)
        return cache

    yield make
    for cache in made:
        await cache.close()
