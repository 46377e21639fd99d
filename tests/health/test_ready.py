"""Whether the storage answers: what it costs to want to know."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.debug.asking import ask, until
from tests.stores.server import store_server
from tests.support.objectstores import S3
from tests.support.ports import free_port
from tests.support.server import Server, running
from tests.support.storefaults import Refusal
from tests.support.storeproxy import StoreProxy

COLLECTION = "/moorage/collection"


@pytest.fixture
def server(moto_store: S3, proxy: StoreProxy, tmp_path: Path) -> Iterator[Server]:
    with running(store_server(tmp_path, moto_store, endpoint=proxy.endpoint)) as started:
        yield started


def test_a_flood_of_questions_costs_the_storage_one_call_in_a_second(
    server: Server, proxy: StoreProxy
) -> None:
    began = time.monotonic()
    with proxy.counted() as calls, ThreadPoolExecutor(40) as pool:
        statuses = list(pool.map(lambda _: ask(server.port, "/readyz").status, range(400)))
    seconds = time.monotonic() - began
    assert set(statuses) == {200}
    asked = [call for call in calls if not call.path.endswith(COLLECTION)]
    assert {(call.method, call.part) for call in asked} == {("GET", "bytes=0-0")}, "what is dear is not asked"
    assert len(asked) <= 1 + seconds


def test_an_empty_bucket_is_ready(moto_store: S3, proxy: StoreProxy, tmp_path: Path) -> None:
    """Also where there is not even a key, for the configuration has one."""
    server = store_server(tmp_path, moto_store, endpoint=proxy.endpoint)
    server.environment = {"REGISTRY_HTTP_SECRET": "a secret of several replicas"}
    with running(server):
        with proxy.counted() as calls:
            assert ask(server.port, "/readyz").status == 200
        asked = [call for call in calls if not call.path.endswith(COLLECTION)]
        assert [(call.method, call.part) for call in asked] == [("GET", "bytes=0-0"), ("GET", "")]
        assert [call.path for call in proxy.calls if call.method == "PUT"] == []


def test_a_store_that_refuses_is_not_ready_and_with_the_check_not_healthy(
    moto_store: S3, proxy: StoreProxy, tmp_path: Path
) -> None:
    debug = free_port()
    server = store_server(tmp_path, moto_store, endpoint=proxy.endpoint)
    server.environment = {
        "REGISTRY_HEALTH_STORAGEDRIVER_ENABLED": "true",
        "REGISTRY_HEALTH_STORAGEDRIVER_INTERVAL": "50ms",
        "REGISTRY_HTTP_DEBUG_ADDR": f"127.0.0.1:{debug}",
    }
    with running(server):
        proxy.faults.refusal = Refusal("403 Forbidden", "InvalidAccessKeyId")
        until(lambda: ask(server.port, "/v2/").status == 503, "503 while the store refuses")
        health = ask(debug, "/debug/health")
        assert (health.status, list(health.json)) == (503, ["storagedriver_s3"])
        assert ask(server.port, "/readyz").status == 503
        assert ask(server.port, "/healthz").status == 200
        proxy.faults.refusal = None
        until(lambda: ask(server.port, "/v2/").status == 200, "healthy again")
        until(lambda: ask(server.port, "/readyz").status == 200, "ready again")
