"""Every kind of Redis that can be configured, each a real one."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest
from redis.asyncio import Redis, RedisCluster

from moorage.config.sections.redis import WITHOUT_EFFECT
from moorage.config.sections.redis import Redis as Section
from moorage.store.descriptors.connecting import RedisOptions, RedisTls, connect
from moorage.store.descriptors.redis import RedisDescriptors
from tests.store.descriptors.conftest import Caches
from tests.store.descriptors.facts import LINK, OTHER, OTHER_LINK, eventually, keep
from tests.store.descriptors.servers import RedisServer, Sentinel, running
from tests.support import tools
from tests.support.ports import free_port

ENTRY = f"{{moorage:descriptor:}}{LINK}"


def at(server: RedisServer) -> tuple[tuple[str, int], ...]:
    return (("127.0.0.1", server.port),)


async def works(cache: RedisDescriptors) -> None:
    await keep(cache)
    await cache.drop(LINK)
    assert await cache.get(LINK) is None
    await keep(cache)
    await cache.clear()
    assert await cache.get(LINK) is None
    await keep(cache)


async def fails(cache: RedisDescriptors, caplog: pytest.LogCaptureFixture, reason: str) -> None:
    """It is told once, with the reason."""
    assert await cache.get(LINK) is None

    async def told() -> bool:
        return len(caplog.records) == 1

    await eventually(told)
    assert reason in vars(caplog.records[0])["reason"]


# One server


@pytest.mark.parametrize("protocol", [None, 2, 3])
async def test_a_server_with_everything_that_can_be_said_of_it(
    redis: RedisServer, caches: Caches, protocol: int | None
) -> None:
    rules = "+eval +evalsha +mget +set +del +info +time +select +client|setname"
    redis.cli("ACL", "SETUSER", "crane", "on", ">secret", "~{moorage:descriptor:}*", *rules.split())
    options = RedisOptions(
        at(redis), db=3, username="crane", password="secret", clientname="harbour", protocol=protocol
    )
    if protocol == 3:
        redis.cli("ACL", "SETUSER", "crane", "+hello")
    await works(caches(client=connect(options)))
    clients = [line for line in redis.cli("CLIENT", "LIST").splitlines() if "user=crane" in line]
    assert clients
    assert all("name=harbour" in line and "db=3" in line for line in clients)
    assert redis.cli("-n", "3", "EXISTS", ENTRY) == "1"
    redis.cli("-n", "3", "FLUSHDB")


async def test_the_wrong_password(
    redis: RedisServer, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    options = RedisOptions(at(redis), username="crane", password="of-nobody")
    await fails(caches(client=connect(options)), caplog, "AuthenticationError")
    assert "of-nobody" not in repr(options)
    assert "of-nobody" not in str(vars(caplog.records[0]))


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two certificates for 127.0.0.1 that sign themselves: "ours" and "theirs"."""
    tools.require("openssl")
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "theirs"):
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-sha256", "-days", "1", "-nodes"]
        command += ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"]
        command += ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        command += ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
        subprocess.run(command, check=True, capture_output=True)
    return folder


def secured(folder: Path, certificates: Path) -> RedisServer:
    """It wants a certificate of its clients."""
    ours = f"{certificates}/ours.pem", f"{certificates}/ours.key"
    server = RedisServer(folder)
    files = ["--tls-cert-file", ours[0], "--tls-key-file", ours[1], "--tls-ca-cert-file", ours[0]]
    server.options = ["--port", "0", "--tls-port", str(server.port), *files]
    server.client = ["--tls", "--cacert", ours[0], "--cert", ours[0], "--key", ours[1]]
    return server


async def test_tls_both_ways(
    tmp_path: Path, caches: Caches, certificates: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours = RedisTls(
        certificate=f"{certificates}/ours.pem",
        key=f"{certificates}/ours.key",
        rootcas=(f"{certificates}/theirs.pem", f"{certificates}/ours.pem"),
    )
    with running(secured(tmp_path / "redis", certificates)) as server:
        await works(caches(client=connect(RedisOptions(at(server), tls=ours))))
        assert caplog.records == []
        stranger = dataclasses.replace(ours, rootcas=(f"{certificates}/theirs.pem",))
        options = RedisOptions(at(server), maxretries=-1, tls=stranger)
        await fails(caches(client=connect(options)), caplog, "CERTIFICATE_VERIFY_FAILED")


def test_files_that_cannot_be_used_are_told_at_once(tmp_path: Path, certificates: Path) -> None:
    addresses = (("127.0.0.1", 6379),)
    (tmp_path / "empty").touch()
    for tls in (
        RedisTls(rootcas=(f"{tmp_path}/missing",)),
        RedisTls(rootcas=(f"{tmp_path}/empty",)),
        RedisTls(certificate=f"{certificates}/ours.pem", key=f"{certificates}/theirs.key"),
    ):
        with pytest.raises(OSError, match=r"."):
            connect(RedisOptions(addresses, tls=tls))


def test_tls_is_wanted_when_something_is_said_of_it() -> None:
    assert not RedisTls().wanted
    assert RedisTls(enabled=True).wanted
    assert RedisTls(rootcas=("a",)).wanted
    assert RedisTls(certificate="a", key="b").wanted
    assert not RedisTls(enabled=False, rootcas=("a",)).wanted


# Sentinels


async def test_a_failover_costs_only_what_was_known(tmp_path: Path, caches: Caches) -> None:
    """The new master has the entry, but may not have got the last drop."""
    master, replica = RedisServer(tmp_path / "master"), RedisServer(tmp_path / "replica")
    replica.options = ["--replicaof", f"127.0.0.1 {master.port}", "--repl-diskless-sync-delay", "0"]
    master.options = ["--repl-diskless-sync-delay", "0"]
    sentinel = Sentinel(tmp_path / "sentinel")
    sentinel.watch(master)
    with running(master), running(replica), running(sentinel):

        async def watched() -> bool:
            return str(replica.port) in sentinel.cli("SENTINEL", "REPLICAS", "harbour")

        async def replicated() -> bool:
            return replica.cli("EXISTS", ENTRY) == "1"

        await eventually(watched)
        down = ("127.0.0.1", free_port())
        cache = caches(client=connect(RedisOptions((down, *at(sentinel)), mastername="harbour")))
        await works(cache)
        await eventually(replicated)
        master.kill()
        await keep(cache, OTHER_LINK, OTHER)
        assert replica.cli("EXISTS", ENTRY) == "1"
        assert await cache.get(LINK) is None
        await works(cache)


async def test_a_master_that_the_sentinels_do_not_know(
    tmp_path: Path, redis: RedisServer, caches: Caches, caplog: pytest.LogCaptureFixture
) -> None:
    sentinel = Sentinel(tmp_path / "sentinel")
    sentinel.watch(redis)
    with running(sentinel):
        cache = caches(client=connect(RedisOptions(at(sentinel), mastername="dock", maxretries=-1)))
        await fails(cache, caplog, "No master found for 'dock'")


# A cluster


async def test_a_cluster(tmp_path: Path, caches: Caches, caplog: pytest.LogCaptureFixture) -> None:
    options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
    with running(RedisServer(tmp_path / "node", options)) as node:
        assert node.cli("CLUSTER", "ADDSLOTSRANGE", "0", "16383") == "OK"

        async def ready() -> bool:
            return "cluster_state:ok" in node.cli("CLUSTER", "INFO")

        await eventually(ready)
        down = ("127.0.0.1", free_port())
        cache = caches(client=connect(RedisOptions((down, *at(node)), db=1)))
        await works(cache)
        assert caplog.records == []
        node.kill()
        assert await cache.get(LINK) is None
        node.start()
        await eventually(ready)
        await works(cache)
        assert [record.levelname for record in caplog.records] == ["WARNING"]


# Options


def test_every_key_of_the_section_has_an_effect_or_is_listed() -> None:
    older = {"addr", "pool"}
    fields = {field.name for field in dataclasses.fields(RedisOptions)}
    assert fields | WITHOUT_EFFECT.keys() == Section.model_fields.keys() - older
    assert not fields & WITHOUT_EFFECT.keys()


def test_the_kind_of_client_follows_from_the_addresses() -> None:
    assert isinstance(connect(RedisOptions((("a", 1),))), Redis)
    assert isinstance(connect(RedisOptions((("a", 1), ("b", 2)))), RedisCluster)
    assert isinstance(connect(RedisOptions((("a", 1), ("b", 2)), mastername="m")), Redis)
    with pytest.raises(ValueError, match="address"):
        connect(RedisOptions(()))


def test_limits_that_are_unset_or_off() -> None:
    def arguments(options: RedisOptions) -> dict[str, object]:
        client = connect(options)
        assert isinstance(client, Redis)
        return {**client.connection_pool.connection_kwargs, "most": client.connection_pool.max_connections}

    address = (("", 6379),)
    unset = arguments(RedisOptions(address, disableidentity=True))
    assert (unset["host"], unset["socket_connect_timeout"], unset["socket_timeout"]) == ("localhost", 5, 3)
    assert unset["driver_info"] is None
    off = arguments(RedisOptions(address, dialtimeout=-1, readtimeout=-1, identitysuffix="-dock"))
    assert (off["socket_connect_timeout"], off["socket_timeout"]) == (None, None)
    assert getattr(off["driver_info"], "formatted_name", "") == "redis-py-dock"
    assert arguments(RedisOptions(address, poolsize=7, maxactiveconns=5))["most"] == 5
