"""What a registry remembers of an object store is never the only proof that something is there."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.images import MANIFEST_TYPE, Image, digest_of, make_image
from tests.store.descriptors.servers import RedisServer
from tests.store.descriptors.servers import running as running_redis
from tests.stores.bucket import SECRET_NAME, Bucket
from tests.stores.server import store_server
from tests.support import forking
from tests.support.objectstores import S3
from tests.support.server import Server, running

NAME = "team/app"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(RedisServer(tmp_path / "redis")) as started:
        yield started


def addresses(redis: RedisServer) -> dict[str, object]:
    return {"addrs": [f"127.0.0.1:{redis.port}"], "readtimeout": "1s", "maxretries": -1}


def collect(server: Server) -> None:
    """As an operator does it, while servers run, of whom he knows that nobody pushes."""
    done = forking.command("garbage-collect", "--json", "--grace", "0", server.command[-1], seconds=120)
    assert done.returncode == 0, done.stderr


def ask_for_everything(client: Client, image: Image) -> list[int]:
    """Every way to learn that content is there; the statuses."""
    paths = [f"/v2/{NAME}/manifests/{image.digest}"]
    paths += [f"/v2/{NAME}/blobs/{digest_of(blob)}" for blob in image.blobs]
    return [client.request(method, path).status for path in paths for method in ("HEAD", "GET")]


def test_deleted_and_collected_content_is_unknown_everywhere_and_can_be_pushed_again(
    moto_store: S3, redis: RedisServer, tmp_path: Path
) -> None:
    """Servers that remember in different places, none of which is started again."""
    deleted, unfinished = make_image(random.Random(1)), make_image(random.Random(2))
    root = "caches/collected"
    Bucket(moto_store, root).with_secret()
    with ExitStack() as stack:
        servers = [
            store_server(tmp_path / "memory", moto_store, root=root),
            store_server(tmp_path / "shared", moto_store, root=root, cache="redis", redis=addresses(redis)),
        ]
        for server in servers:
            stack.enter_context(running(server))
        clients = [stack.enter_context(Client(server.port)) for server in servers]
        clients[0].push(NAME, "v1", deleted)
        for blob in unfinished.blobs:
            clients[1].push_blob(NAME, blob)
        for client in clients:
            assert set(ask_for_everything(client, deleted)) == {200}
            for blob in unfinished.blobs:
                client.expect(200, "HEAD", f"/v2/{NAME}/blobs/{digest_of(blob)}")
        until_remembered(clients[1], deleted, redis)
        clients[0].expect(202, "DELETE", f"/v2/{NAME}/manifests/{deleted.digest}")
        collect(servers[0])
        for client in clients:
            # That may have taken longer than a connection lives without a request.
            client.close()
            assert set(ask_for_everything(client, deleted)) == {404}
            refused = client.expect(
                400,
                "PUT",
                f"/v2/{NAME}/manifests/v2",
                unfinished.manifest,
                {"Content-Type": MANIFEST_TYPE},
            )
            assert refused.body.count(b"MANIFEST_BLOB_UNKNOWN") == len(unfinished.blobs)
        clients[1].push(NAME, "v1", deleted)
        clients[1].push(NAME, "v2", unfinished)
        for client in clients:
            assert client.fault_in(NAME, "v1", deleted) == ""
            assert client.fault_in(NAME, "v2", unfinished) == ""


def until_remembered(client: Client, image: Image, redis: RedisServer) -> None:
    """A server that has not found its Redis yet, or found it slow, remembers nothing."""
    deadline = time.monotonic() + 30.0
    while len(redis.stored()) <= 5:
        assert time.monotonic() < deadline, "nothing is kept in Redis"
        ask_for_everything(client, image)


@pytest.mark.parametrize("how", ["", "the kept secret is copied", "one secret is configured"])
def test_registries_that_share_a_redis_do_not_answer_for_each_other(
    moto_store: S3, redis: RedisServer, tmp_path: Path, how: str
) -> None:
    image = make_image(random.Random(4))
    roots = [f"caches/{secrets.token_hex(6)}" for _ in range(2)]
    if how == "the kept secret is copied":
        for root in roots:
            Bucket(moto_store, root).put(SECRET_NAME, b"5" * 64)
    elif how == "one secret is configured":
        for root in roots:
            Bucket(moto_store, root).with_secret()
    with ExitStack() as stack:
        clients = []
        for number, root in enumerate(roots):
            server = store_server(
                tmp_path / str(number),
                moto_store,
                root=root,
                cache="redis",
                redis=addresses(redis),
                delete=False,
            )
            if how == "one secret is configured":
                server = replace(server, environment={"REGISTRY_HTTP_SECRET": "for-both"})
            stack.enter_context(running(server))
            clients.append(stack.enter_context(Client(server.port)))
        staging, production = clients
        for client in clients:
            # Both know Redis by then.
            remembered(client, redis)
        staging.push(NAME, "v1", image)
        assert set(ask_for_everything(staging, image)) == {200}
        assert set(ask_for_everything(production, image)) == {404}
        put = production.request(
            "PUT", f"/v2/{NAME}/manifests/v1", image.manifest, {"Content-Type": MANIFEST_TYPE}
        )
        assert (put.status, put.body.count(b"MANIFEST_BLOB_UNKNOWN")) == (400, len(image.blobs))


def remembered(client: Client, redis: RedisServer) -> None:
    """Wait until what the client pushes is in Redis."""
    digest = client.push_blob("first", secrets.token_bytes(9))
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        client.expect(200, "HEAD", f"/v2/first/blobs/{digest}")
        if any(digest.partition(":")[2] in key for key in redis.stored()):
            return
        time.sleep(0.1)
    raise AssertionError("nothing is kept in Redis")


@pytest.mark.parametrize("cache", ["none", "inmemory", "redis"])
def test_what_one_worker_deletes_no_other_remembers(
    moto_store: S3, redis: RedisServer, tmp_path: Path, cache: str
) -> None:
    """And the same blob stays in another repository, whose link is another one."""
    root = f"caches/{cache}"
    Bucket(moto_store, root).with_secret()
    server = store_server(tmp_path, moto_store, root=root, workers=3, cache=cache, redis=addresses(redis))

    def statuses(path: str) -> set[int]:
        # A connection is one worker's, and which one is chance.
        found = set()
        for _ in range(16):
            with Client(server.port) as other:
                found |= {other.request("HEAD", path).status, other.request("GET", path).status}
        return found

    with running(server), Client(server.port) as client:
        digest = client.push_blob(NAME, b"soon gone")
        client.push_blob("other", b"soon gone")
        ours, theirs = f"/v2/{NAME}/blobs/{digest}", f"/v2/other/blobs/{digest}"
        assert statuses(ours) | statuses(theirs) == {200}
        # That may have taken longer than a connection lives without a request.
        client.close()
        client.expect(202, "DELETE", ours)
        assert statuses(theirs) == {200}
        assert statuses(ours) == {404}


def outages(redis: RedisServer) -> list[tuple[str, Callable[[], object]]]:
    def restart() -> None:
        redis.kill()
        redis.start()

    def confuse() -> None:
        redis.resume()
        for key in redis.stored():
            redis.cli("DEL", key)
            redis.cli("RPUSH", key, "of another type")

    return [
        ("works", lambda: None),
        ("is flushed", lambda: redis.cli("FLUSHALL")),
        ("is evicting", lambda: redis.cli("CONFIG", "SET", "maxmemory", "1")),
        ("is empty and new", restart),
        ("answers nothing", redis.suspend),
        ("has other types", confuse),
        ("is gone", redis.kill),
    ]


def test_whatever_happens_to_redis_costs_only_speed(
    moto_store: S3, redis: RedisServer, tmp_path: Path
) -> None:
    source = random.Random(3)
    kept = make_image(source)
    Bucket(moto_store, "caches/redis").with_secret()
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                running(
                    store_server(
                        tmp_path / str(number),
                        moto_store,
                        root="caches/redis",
                        cache="redis",
                        redis=addresses(redis),
                    )
                )
            )
            for number in range(2)
        ]
        one, other = (stack.enter_context(Client(server.port)) for server in servers)
        one.push(NAME, "kept", kept)
        for what, happens in outages(redis):
            happens()
            image = make_image(source)
            for client in (one, other):
                # It may have waited longer for this than a connection lives without a request.
                client.close()
            one.push(NAME, "v", image)
            for client in (one, other):
                assert client.fault_in(NAME, "v", image) == "", f"Redis {what}"
                assert client.fault_in(NAME, "kept", kept) == "", f"Redis {what}"
            gone = digest_of(image.blobs[-1])
            other.expect(202, "DELETE", f"/v2/{NAME}/blobs/{gone}")
            other.expect(404, "HEAD", f"/v2/{NAME}/blobs/{gone}")
        redis.start()
        assert one.fault_in(NAME, "kept", kept) == ""


def test_what_was_deleted_while_redis_was_out_of_reach_is_unknown_when_it_is_back(
    moto_store: S3, redis: RedisServer, tmp_path: Path
) -> None:
    root = "caches/dark"
    Bucket(moto_store, root).with_secret()
    server = store_server(tmp_path, moto_store, root=root, cache="redis", redis=addresses(redis))
    with running(server), Client(server.port) as client:
        digest = client.push_blob(NAME, b"deleted in the dark")
        path = f"/v2/{NAME}/blobs/{digest}"
        client.expect(200, "HEAD", path)
        redis.suspend()
        client.expect(202, "DELETE", path)
        server.kill()
        client.close()
        server.start()
        redis.resume()
        client.expect(404, "HEAD", path)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "redis.addrs"),
        ({"addrs": ["127.0.0.1:1"], "tls": {"rootcas": ["/nowhere/ca.pem"]}}, "/nowhere/ca.pem"),
    ],
)
def test_a_cache_that_cannot_be_made_is_told_at_the_start(
    moto_store: S3, tmp_path: Path, section: dict[str, object], said: str
) -> None:
    server = store_server(tmp_path, moto_store, cache="redis", redis=section)
    done = forking.command(*server.command[1:])
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
