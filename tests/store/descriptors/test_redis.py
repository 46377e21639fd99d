from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.exceptions import MaxConnectionsError

from moorage.digest import Digest
from moorage.names import Name
from moorage.store import layout
from moorage.store.blobstore import Blob
from moorage.store.descriptors.connecting import RedisOptions, connect
from moorage.store.descriptors.redis import RedisDescriptors
from tests.store.descriptors.conftest import Caches
from tests.store.descriptors.facts import KNOWN, LINK, OTHER, OTHER_LINK, eventually, fact, keep
from tests.store.descriptors.servers import RedisServer

ENTRY = f"{{moorage:descriptor:}}{LINK}"
GENERATION = "{moorage:descriptor:}generation"
DROPS = "{moorage:descriptor:}drops"


async def test_what_was_put_is_known_to_all_until_it_is_dropped(redis: RedisServer, caches: Caches) -> None:
    first, second = caches(redis.port), caches(redis.port)
    await keep(second, OTHER_LINK, OTHER)
    await keep(first)
    assert await second.get(LINK) == KNOWN
    await second.drop(LINK, "/never/put")
    assert await first.get(LINK) is None
    await keep(second, OTHER_LINK, OTHER)
    await first.clear()
    assert await second.get(OTHER_LINK) is None
    await keep(second)


async def test_a_link_of_another_algorithm_leads_to_the_canonical_digest(
    redis: RedisServer, caches: Caches
) -> None:
    link = layout.layer_link(Name("team/app"), Digest.of(b"1", "sha512"))
    cache = caches(redis.port)
    await keep(cache, link)
    assert await cache.get(link) == KNOWN


def named(name: str) -> Callable[[], Awaitable[str]]:
    async def registry() -> str:
        return name

    return registry


async def test_registries_that_share_a_redis_know_nothing_of_each_other(
    redis: RedisServer, caches: Caches
) -> None:
    one, same = (caches(redis.port, registry=named("production")) for _ in range(2))
    other = caches(redis.port, registry=named("staging"))
    await keep(other, OTHER_LINK, OTHER)
    await keep(same, OTHER_LINK, OTHER)
    await keep(one)
    assert await same.get(LINK) == KNOWN
    assert await other.get(LINK) is None
    await other.drop(LINK)
    await other.clear()
    assert await one.get(LINK) == KNOWN
    assert all(
        key.startswith(("{moorage:descriptor:production}", "{moorage:descriptor:staging}"))
        for key in redis.stored()
    )


async def test_redis_is_not_used_until_the_name_of_the_registry_is_known(
    redis: RedisServer, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    errors = [OSError("the storage is away")] * 3

    async def registry() -> str:
        if errors:
            raise errors.pop()
        return "production"

    cache = caches(redis.port, registry=registry)
    await cache.put(LINK, KNOWN, time.monotonic())
    await cache.drop(LINK)
    assert await cache.get(LINK) is None
    await keep(cache)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the storage is away" in str(vars(caplog.records[0])["reason"])
    assert all(key.startswith("{moorage:descriptor:production}") for key in redis.stored())


async def test_many_links_are_dropped(redis: RedisServer, caches: Caches) -> None:
    cache = caches(redis.port)
    await keep(cache)
    await cache.drop(*(fact(number)[0] for number in range(2000)))
    assert ENTRY not in redis.stored()


@pytest.mark.parametrize("forget", ["drop", "clear"])
async def test_a_fact_from_before_is_not_kept_after(redis: RedisServer, caches: Caches, forget: str) -> None:
    """One process reads the link, another one removes it, and only then the first one puts it."""
    reading, removing = caches(redis.port), caches(redis.port)
    await keep(removing)
    await keep(reading, OTHER_LINK, OTHER)
    since = time.monotonic()
    await (removing.drop(LINK) if forget == "drop" else removing.clear())
    await reading.put(LINK, KNOWN, since)
    assert await removing.get(LINK) is None
    await reading.put(LINK, KNOWN, since)
    assert await removing.get(LINK) is None, "not even when the reader has heard of it"
    await keep(reading)


async def test_entries_expire(redis: RedisServer, caches: Caches) -> None:
    await keep(caches(redis.port, seconds=90))
    assert 0 < int(redis.cli("PTTL", ENTRY)) <= 90_000
    assert redis.cli("PTTL", GENERATION) == "-1"


async def test_flushing_costs_only_what_was_known(
    redis: RedisServer, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = caches(redis.port), caches(redis.port)
    await keep(first)
    await keep(second)
    redis.cli("FLUSHALL")
    assert await first.get(LINK) is None
    await keep(second)
    await keep(first)
    assert caplog.records == []


@pytest.mark.parametrize("key", [GENERATION, DROPS])
async def test_what_redis_evicts_is_not_missed(redis: RedisServer, caches: Caches, key: str) -> None:
    reading, removing = caches(redis.port), caches(redis.port)
    await keep(removing, OTHER_LINK, OTHER)
    await removing.drop(OTHER_LINK)
    await keep(reading)
    since = time.monotonic()
    await removing.drop(LINK)
    redis.cli("DEL", key)
    await reading.put(LINK, KNOWN, since)
    assert await removing.get(LINK) is None
    await keep(reading)
    await keep(removing)


async def test_entries_of_another_generation_do_not_count(redis: RedisServer, caches: Caches) -> None:
    cache = caches(redis.port)
    await keep(cache)
    text = redis.cli("GET", ENTRY)
    await cache.clear()
    redis.cli("SET", ENTRY, text)
    assert await cache.get(LINK) is None
    redis.cli("DEL", GENERATION)
    assert await cache.get(LINK) is None
    await eventually(lambda: put_and_found(cache, OTHER_LINK, OTHER))
    redis.cli("SET", ENTRY, text)
    assert await cache.get(LINK) is None


async def put_and_found(cache: RedisDescriptors, link: str, known: Blob) -> bool:
    await cache.put(link, known, time.monotonic())
    return await cache.get(link) == known


@pytest.mark.parametrize(
    "wrong",
    [
        ["SET", ENTRY, "rubbish"],
        ["SET", ENTRY, ""],
        ["SET", ENTRY, "\u00e4"],
        ["SET", ENTRY, f"1.1.1.1 {KNOWN.digest} -1"],
        ["SET", ENTRY, f"1.1.1.1 {KNOWN.digest.upper()} 1"],
        ["HSET", ENTRY, "field", "value"],
        ["RPUSH", ENTRY, "item"],
        ["SET", GENERATION, "two words"],
        ["SET", GENERATION, ""],
        ["RPUSH", GENERATION, "item"],
        ["RPUSH", DROPS, "item"],
        ["SET", DROPS, "two words"],
    ],
    ids=lambda wrong: " ".join(wrong).replace("{moorage:descriptor:}", ""),
)
async def test_values_of_the_wrong_shape_are_unknown_and_replaced(
    redis: RedisServer, caches: Caches, caplog: pytest.LogCaptureFixture, wrong: list[str]
) -> None:
    cache = caches(redis.port)
    await keep(cache)
    redis.cli("DEL", wrong[1])
    redis.cli(*wrong)
    if wrong[1] != DROPS:
        assert await cache.get(LINK) is None
    if wrong[:2] == ["SET", ENTRY] and wrong[2]:
        assert ENTRY not in redis.stored()
    await cache.drop(LINK)
    assert await cache.get(LINK) is None
    await keep(cache)
    assert caplog.records == []


async def test_a_request_that_ends_too_early_mixes_up_no_answers(redis: RedisServer, caches: Caches) -> None:
    cache = caches(redis.port)
    facts = dict(fact(number) for number in range(1, 51))
    for link, known in facts.items():
        await keep(cache, link, known)
    chance = random.Random(1)

    async def ask() -> None:
        link = chance.choice(list(facts))
        get = asyncio.create_task(cache.get(link))
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        if chance.random() < 0.5:
            get.cancel()
        try:
            assert await get in (None, facts[link])
        except asyncio.CancelledError:
            pass

    for _ in range(100):
        await asyncio.gather(*(ask() for _ in range(30)))
    for link, known in facts.items():
        await eventually(lambda link=link, known=known: found(cache, link, known))  # type: ignore[misc]


async def found(cache: RedisDescriptors, link: str, known: Blob) -> bool:
    return await cache.get(link) == known


@pytest.mark.parametrize("loops", range(12))
async def test_a_drop_whose_request_ends_too_early_still_counts(
    redis: RedisServer, caches: Caches, loops: int
) -> None:
    removing, other = caches(redis.port), caches(redis.port)
    await keep(removing)
    drop = asyncio.create_task(removing.drop(LINK))
    for _ in range(loops):
        await asyncio.sleep(0)
    ended = not drop.done()
    drop.cancel()
    await asyncio.gather(drop, return_exceptions=True)
    if not loops:
        return  # it had not even begun
    assert await removing.get(LINK) is None
    if ended:
        await keep(removing, OTHER_LINK, OTHER)
    assert await other.get(LINK) is None


async def test_more_requests_than_connections_wait_their_turn(redis: RedisServer, caches: Caches) -> None:
    cache = caches(redis.port, answer_seconds=30)
    await keep(cache)
    assert await asyncio.gather(*(cache.get(LINK) for _ in range(500))) == [KNOWN] * 500


async def test_without_a_free_connection_the_request_goes_on_without(
    redis: RedisServer, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    options = RedisOptions((("127.0.0.1", redis.port),), poolsize=1, pooltimeout=30)
    cache = caches(client=connect(options), answer_seconds=30)
    await keep(cache)
    assert await asyncio.gather(*(cache.get(LINK) for _ in range(50))) == [KNOWN] * 50
    assert caplog.records == []


class Between:
    """Before a real client: `hold` keeps answers back, `error` is raised instead of asking."""

    def __init__(self, port: int) -> None:
        self.client = connect(RedisOptions((("127.0.0.1", port),)))
        self.error: Exception | None = None
        self.free = asyncio.Event()
        self.free.set()
        self.held = 0

    async def execute_command(self, *arguments: Any) -> object:
        if self.error is not None:
            raise self.error
        answer = await self.client.execute_command(*arguments)
        self.held += 1
        await self.free.wait()
        self.held -= 1
        if self.error is not None:
            raise self.error
        return answer

    async def aclose(self) -> None:
        await self.client.aclose()


async def test_a_drop_while_a_generation_begins_needs_another_one(redis: RedisServer, caches: Caches) -> None:
    other, between = caches(redis.port), Between(redis.port)
    await keep(other, OTHER_LINK, OTHER)
    removing = caches(client=between)
    between.free.clear()
    assert await removing.get(LINK) is None

    async def begun() -> bool:
        return between.held == 1

    await eventually(begun)
    await keep(other)
    await removing.drop(LINK)
    between.free.set()
    await keep(removing, OTHER_LINK, OTHER)
    assert await other.get(LINK) is None


async def test_a_failure_that_comes_late_is_of_the_last_outage(
    redis: RedisServer, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    between = Between(redis.port)
    cache = caches(client=between)
    await keep(cache)
    between.free.clear()
    late = asyncio.create_task(cache.get(LINK))
    await eventually(lambda: holding(between))
    between.error = OSError("away")
    assert await cache.get(LINK) is None
    between.error = None
    held, between.free = between.free, asyncio.Event()
    between.free.set()
    await keep(cache)
    between.error = OSError("late")
    held.set()
    assert await late is None
    between.error = None
    assert await cache.get(LINK) == KNOWN
    assert len(caplog.records) == 1


async def holding(between: Between) -> bool:
    return between.held == 1


async def test_a_pool_that_is_empty_is_no_outage(
    redis: RedisServer, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    between = Between(redis.port)
    cache, other = caches(client=between), caches(redis.port)
    await keep(other)
    await keep(cache)
    between.error = MaxConnectionsError("Too many connections")
    assert await cache.get(LINK) is None
    between.error = None
    assert await cache.get(LINK) == KNOWN
    between.error = MaxConnectionsError("Too many connections")
    await cache.drop(LINK)
    between.error = None
    assert await cache.get(LINK) is None
    await keep(cache, OTHER_LINK, OTHER)
    assert await other.get(LINK) is None
    assert caplog.records == []


class Confused:
    """A client that gives answers of the wrong shape, or to something else."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    async def execute_command(self, *_: object) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def aclose(self) -> None:
        raise OSError("cannot even close")


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"OK",
        7,
        [],
        [b"k", b"1.1.1 ", None],
        [ENTRY, "1.1.1.1 ", 5],
        RuntimeError("broken"),
        KeyError("x"),
    ],
    ids=lambda answer: str(answer).replace(ENTRY, "key"),
)
async def test_a_client_that_is_confused_does_no_harm(
    caches: Caches, caplog: pytest.LogCaptureFixture, answer: object
) -> None:
    cache = caches(client=Confused(answer))
    for _ in range(20):
        await cache.put(LINK, KNOWN, time.monotonic())
        assert await cache.get(LINK) is None
        await cache.drop(LINK)
        await cache.clear()
        await asyncio.sleep(0.01)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
