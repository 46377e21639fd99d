"""Redis that is away, comes back, hangs, or has forgotten what it was told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from moorage.store.descriptors.redis import RedisDescriptors
from tests.store.descriptors.conftest import Caches
from tests.store.descriptors.facts import (
    KNOWN,
    LINK,
    OTHER,
    OTHER_LINK,
    WAIT_SECONDS,
    eventually,
    fact,
    keep,
)
from tests.store.descriptors.servers import RedisServer, Wire, running
from tests.support.ports import free_port

LOGGER = "moorage.store.descriptors"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """To be killed or stopped."""
    made = RedisServer(tmp_path / "redis")
    yield made
    made.kill()


@pytest.fixture
async def wire(server: RedisServer) -> AsyncIterator[Wire]:
    server.start()
    made = Wire(server.port)
    await made.join()
    yield made
    await made.cut()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.levelname for record in caplog.records if record.name.startswith(LOGGER)]


async def unknown(cache: RedisDescriptors, link: str = LINK) -> bool:
    return await cache.get(link) is None


async def told_of_going(caplog: pytest.LogCaptureFixture) -> bool:
    return told(caplog) == ["WARNING"]


async def test_it_is_down_at_the_start(
    server: RedisServer, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cache = caches(server.port)
    for _ in range(100):
        assert await cache.get(LINK) is None
        await cache.put(LINK, KNOWN, time.monotonic())
        await cache.drop(LINK)
        await asyncio.sleep(0.002)
    assert told(caplog) == ["WARNING"]
    server.start()
    await keep(cache)
    assert told(caplog) == ["WARNING", "INFO"]


async def test_it_is_killed_and_comes_back(
    server: RedisServer, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.start()
    cache = caches(server.port)
    await keep(cache)
    for times in range(1, 4):
        server.kill()
        assert await asyncio.gather(*(cache.get(LINK) for _ in range(50))) == [None] * 50
        await asyncio.sleep(0.2)
        server.start()
        await keep(cache)
        assert told(caplog) == ["WARNING", "INFO"] * times


async def test_one_that_hangs_is_waited_for_once(
    server: RedisServer, caches: Caches, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.start()
    cache = caches(server.port, answer_seconds=30)
    await keep(cache)
    server.suspend()
    with monkeypatch.context() as hanging:
        # Not before and afterwards, where it could be this machine that is slow.
        hanging.setattr(cache, "_answer_seconds", 1.0)
        async with asyncio.timeout(WAIT_SECONDS):
            for _ in range(100):
                assert await cache.get(LINK) is None
                await cache.put(LINK, KNOWN, time.monotonic())
    assert told(caplog) == ["WARNING"]
    server.resume()
    await keep(cache)
    assert told(caplog) == ["WARNING", "INFO"]


@pytest.mark.parametrize("forget", ["drop", "clear"])
async def test_what_could_not_be_dropped_is_never_answered_again(
    server: RedisServer, wire: Wire, caches: Caches, forget: str
) -> None:
    """Redis keeps the entry, and other processes reach it all the time."""
    removing, other = caches(wire.port), caches(server.port)
    await keep(removing, OTHER_LINK, OTHER)
    await keep(other)
    assert await removing.get(LINK) == KNOWN
    await wire.cut()
    await (removing.drop(LINK) if forget == "drop" else removing.clear())
    assert await removing.get(LINK) is None
    assert await other.get(LINK) == KNOWN, "it cannot know"
    await wire.join()
    await eventually(lambda: unknown(other))
    assert await removing.get(LINK) is None
    await keep(removing)
    assert await other.get(LINK) == KNOWN


async def test_a_drop_is_delivered_also_if_nobody_asks(
    server: RedisServer, wire: Wire, caches: Caches
) -> None:
    removing, other = caches(wire.port), caches(server.port)
    await keep(removing, OTHER_LINK, OTHER)
    await keep(other)
    await wire.cut()
    await removing.drop(LINK)
    await wire.join()
    await eventually(lambda: unknown(other))


async def test_an_outage_without_a_drop_leaves_what_is_known(
    server: RedisServer, wire: Wire, caches: Caches
) -> None:
    first, other = caches(wire.port), caches(server.port)
    await keep(first, OTHER_LINK, OTHER)
    await keep(other)
    await wire.cut()
    assert await first.get(LINK) is None
    await wire.join()

    async def known() -> bool:
        return await first.get(LINK) == KNOWN

    await eventually(known)


async def test_a_drop_to_one_that_hangs_is_never_answered_again(server: RedisServer, caches: Caches) -> None:
    server.start()
    removing, other = caches(server.port, answer_seconds=0.3), caches(server.port)
    await keep(removing, OTHER_LINK, OTHER)
    await keep(other)
    server.suspend()
    await removing.drop(LINK)
    assert await removing.get(LINK) is None
    server.resume()
    await keep(removing, OTHER_LINK, OTHER)
    assert await removing.get(LINK) is None
    assert await other.get(LINK) is None


async def test_a_new_process_delivers_what_one_that_died_may_have_owed(
    server: RedisServer, wire: Wire, caches: Caches
) -> None:
    died, other = caches(wire.port), caches(server.port)
    await keep(died, OTHER_LINK, OTHER)
    await keep(other)
    await wire.cut()
    await died.drop(LINK)
    await died.close()
    replaced = caches(server.port)
    await keep(replaced, OTHER_LINK, OTHER)
    assert await replaced.get(LINK) is None
    assert await other.get(LINK) is None


async def test_what_a_restart_brings_back_does_not_count(
    server: RedisServer, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    """It loads a file from before the drop, and nobody has asked while it was away."""
    server.start()
    cache, other = caches(server.port), caches(server.port)
    await keep(other, OTHER_LINK, OTHER)
    await keep(cache)
    assert await other.get(LINK) == KNOWN
    assert server.cli("SAVE") == "OK"
    kept = set(server.stored())
    await cache.drop(LINK)
    server.kill()
    server.start()
    assert set(server.stored()) == kept
    assert await other.get(LINK) is None
    assert await cache.get(LINK) is None
    await keep(cache)


async def test_something_else_listens_there(caches: Caches, caplog: pytest.LogCaptureFixture) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    port = free_port()
    async with await asyncio.start_server(answer, "127.0.0.1", port):
        cache = caches(port)
        assert await cache.get(LINK) is None
        await eventually(lambda: told_of_going(caplog))
        await cache.drop(LINK)
        assert await cache.get(LINK) is None


async def test_one_that_may_not_write_is_left_alone(
    tmp_path: Path, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    with running(RedisServer(tmp_path / "redis")) as forbidding:
        forbidding.cli("ACL", "SETUSER", "default", "-set")
        cache = caches(forbidding.port)
        assert await cache.get(LINK) is None
        await eventually(lambda: told_of_going(caplog))
        assert await cache.get(LINK) is None
        forbidding.cli("ACL", "SETUSER", "default", "+set")
        await keep(cache)
        forbidding.cli("ACL", "SETUSER", "default", "-set")
        await cache.put(OTHER_LINK, OTHER, time.monotonic())
        assert told(caplog) == ["WARNING", "WARNING"]


async def test_one_that_is_full_still_forgets_and_answers_what_it_knows(
    tmp_path: Path, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    """No memory left, and nothing to be evicted: which is what Redis does by default when `maxmemory` is set."""
    caplog.set_level(logging.INFO)
    with running(RedisServer(tmp_path / "redis")) as full:
        first, second = caches(full.port), caches(full.port)
        await keep(second, OTHER_LINK, OTHER)
        await keep(first, OTHER_LINK, OTHER)
        await keep(first)
        assert await second.get(LINK) == KNOWN
        full.cli("CONFIG", "SET", "maxmemory", "1")
        for number in range(3, 9):
            await first.put(*fact(number), time.monotonic())
        assert await second.get(OTHER_LINK) == OTHER
        await first.drop(LINK)
        assert await second.get(LINK) is None
        assert await second.get(OTHER_LINK) == OTHER
        await first.clear()
        assert await second.get(OTHER_LINK) is None
        assert [one.message for one in caplog.records] == ["Redis is full: nothing more is remembered in it"]
        full.cli("CONFIG", "SET", "maxmemory", "0")
        await keep(first)

        async def told_again() -> bool:
            await first.put(LINK, KNOWN, time.monotonic())
            return len(caplog.records) > 1

        await eventually(told_again)
        assert [one.levelname for one in caplog.records] == ["WARNING", "INFO"]
