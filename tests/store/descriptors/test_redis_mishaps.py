"""What others have put into Redis, and what its client does to whoever is cancelled."""

from __future__ import annotations

import asyncio
import random

from tests.store.descriptors.conftest import Caches
from tests.store.descriptors.facts import KNOWN, LINK, OTHER, keep
from tests.store.descriptors.servers import RedisServer

ENTRY = f"{{moorage:descriptor:}}{LINK}"


async def test_an_entry_that_leads_elsewhere_than_its_link_is_unknown_and_removed(
    redis: RedisServer, caches: Caches
) -> None:
    """Whoever may write to Redis could show a client the content of another repository."""
    cache = caches(redis.port)
    await keep(cache)
    generation = redis.cli("GET", ENTRY).partition(" ")[0]
    for wrong in (f"{OTHER.digest} {OTHER.size}", f"{KNOWN.digest} 0"):
        redis.cli("SET", ENTRY, f"{generation} {wrong}")
        assert await cache.get(LINK) is None
        assert ENTRY not in redis.stored()
        await keep(cache)


async def test_whoever_is_cancelled_ends(redis: RedisServer, caches: Caches) -> None:
    """The client may take a cancellation for the end of a wait of its own; then a server would wait for a task that never ends."""
    cache = caches(redis.port)
    await keep(cache)
    chance = random.Random(1)
    rounds = 0

    async def ask() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await cache.get(LINK)

    for _ in range(300):
        asking = asyncio.create_task(ask())
        for _ in range(chance.randrange(40)):
            await asyncio.sleep(0)
        asking.cancel()
        last = rounds + 1
        while not asking.done() and rounds <= last:
            await asyncio.sleep(0)
        assert asking.done()
    await keep(cache)
