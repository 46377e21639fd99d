"""What `/debug/vars` tells of the connections to Redis is what Redis itself counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest

from moorage.store.descriptors import redispool
from moorage.store.descriptors.connecting import RedisOptions, connect
from moorage.store.descriptors.redis import RedisDescriptors
from tests.debug.asking import Debugged, debugged, until
from tests.faults.client import Client
from tests.store.descriptors.facts import LINK, keep
from tests.store.descriptors.servers import RedisServer, Sentinel
from tests.store.descriptors.servers import running as running_redis
from tests.stores.server import store_server
from tests.support.objectstores import S3
from tests.support.ports import free_port
from tests.support.server import running

CANARY = "hunter2"
OURS = "harbour"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    options, client = ["--requirepass", CANARY], ["-a", CANARY, "--no-auth-warning"]
    with running_redis(RedisServer(tmp_path_factory.mktemp("redis"), options, client)) as started:
        yield started


@pytest.fixture
def counted_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of this process may have left clients behind."""
    monkeypatch.setattr(redispool, "_clients", WeakSet())


def connected(redis: RedisServer) -> int:
    """Connections of our name, as Redis has them."""
    return sum(f"name={OURS} " in line for line in redis.cli("CLIENT", "LIST").splitlines())


def told(at: Debugged) -> Any:
    page = at.page("/debug/vars")
    assert CANARY.encode() not in page.body
    return page.json["registry"]["redis"]


def test_the_connections_of_a_server_are_those_that_redis_has(
    moto_store: S3, redis: RedisServer, tmp_path: Path
) -> None:
    settings = {
        "addrs": [f"127.0.0.1:{redis.port}"],
        "password": CANARY,
        "clientname": OURS,
        "poolsize": 7,
    }
    server = store_server(tmp_path, moto_store, cache="redis", redis=settings)
    config, debug = Path(server.command[-1]), free_port()
    text = json.loads(config.read_text())
    text["http"]["debug"] = {"addr": f"127.0.0.1:{debug}"}
    config.write_text(json.dumps(text))
    at = Debugged(server, debug)
    with running(server):
        before = told(at)
        assert (before["Active"], before["Idle"], before["Most"]) == (0, 0, 7), "there is no need of one yet"
        with Client(server.port) as client:
            digest = client.push_blob("team/app", b"a blob")
            until(lambda: _asked(client, digest) and connected(redis) > 0, "Redis is used")
        assert told(at)["Config"]["addrs"] == settings["addrs"]
        until(lambda: _all(told(at)) == connected(redis) > 0, "as many are told as there are")
        until(lambda: told(at)["Active"] == 0, "no command is under way any more")
        redis.suspend()
        try:
            with Client(server.port) as client:
                assert _asked(client, digest)
            until(lambda: told(at)["Idle"] == 0, "a connection without an answer is not open any more")
        finally:
            redis.resume()


def _all(pool: Any) -> int:
    return int(pool["Active"] + pool["Idle"])


def _asked(client: Client, digest: str) -> bool:
    return client.request("HEAD", f"/v2/team/app/blobs/{digest}").status == 200


def test_a_server_that_uses_no_redis_has_no_connections(tmp_path: Path) -> None:
    """Local disks need no cache, whatever the configuration says."""
    cache = {"REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR": "redis", "REGISTRY_REDIS_ADDRS": "127.0.0.1:1"}
    at = debugged(tmp_path, environment=cache)
    with running(at.server):
        found = told(at)
        assert (found["Active"], found["Idle"], found["Most"]) == (0, 0, 0)


def test_a_server_without_redis_tells_nothing_of_it(listener: Debugged) -> None:
    assert "redis" not in listener.page("/debug/vars").json["registry"]


@pytest.mark.usefixtures("counted_alone")
async def test_a_command_under_way_is_active_and_a_client_that_was_closed_counts_no_more(
    redis: RedisServer,
) -> None:
    client: Any = connect(RedisOptions((("127.0.0.1", redis.port),), password=CANARY, poolsize=3))
    cache = RedisDescriptors(client)
    waiting = asyncio.create_task(client.blpop("nothing", timeout=30))
    await _eventually(redispool.Pool(1, 0, 3))
    redis.cli("RPUSH", "nothing", "something")
    await waiting
    await _eventually(redispool.Pool(0, 1, 3))
    await cache.close()
    assert redispool.connections() == redispool.Pool(0, 0, 0)


@pytest.mark.usefixtures("counted_alone")
async def test_those_to_a_master_behind_sentinels_count(redis: RedisServer, tmp_path: Path) -> None:
    master = RedisServer(tmp_path / "master")
    sentinel = Sentinel(tmp_path / "sentinel")
    sentinel.watch(master)
    with running_redis(master), running_redis(sentinel):
        options = RedisOptions((("127.0.0.1", sentinel.port),), mastername="harbour", poolsize=3)
        cache = RedisDescriptors(connect(options))
        await keep(cache)
        assert redispool.connections() == redispool.Pool(0, 1, 3)
        await cache.close()


@pytest.mark.usefixtures("counted_alone")
async def test_those_to_each_node_of_a_cluster_count(tmp_path: Path) -> None:
    options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
    with running_redis(RedisServer(tmp_path / "node", options)) as node:
        assert node.cli("CLUSTER", "ADDSLOTSRANGE", "0", "16383") == "OK"
        while "cluster_state:ok" not in node.cli("CLUSTER", "INFO"):
            await asyncio.sleep(0.05)
        down = ("127.0.0.1", free_port())
        cache = RedisDescriptors(connect(RedisOptions((down, ("127.0.0.1", node.port)), poolsize=3)))
        await keep(cache)
        found = redispool.connections()
        assert (found.active, found.most) == (0, 3)
        assert found.idle >= 1
        assert await cache.get(LINK) is not None
        await cache.close()


async def _eventually(wanted: redispool.Pool) -> None:
    async with asyncio.timeout(30):
        while redispool.connections() != wanted:
            await asyncio.sleep(0.01)
