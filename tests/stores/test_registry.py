"""A registry over each object store: what is pushed is pulled, across restarts and processes."""

from __future__ import annotations

import json
import os
import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moorage.cli.commands import main_app
from moorage.digest import Digest
from moorage.store import layout
from moorage.store.garbage.collection import collect
from tests.api.conftest import untouched_logging as untouched_logging
from tests.drivers.objectstore.stores import driver_over
from tests.faults.client import Client, location, with_digest
from tests.faults.images import digest_of, make_image
from tests.store.images import image
from tests.store.shelf import Shelf
from tests.stores.server import SECRET, Service, store_server
from tests.support import forking
from tests.support.exchange import exchange
from tests.support.objectstores import S3
from tests.support.server import Server, running

STORES = ("moto_store", "rclone_store", "azurite_store", "gcs_store")
NAME = "team/app"
MIB = 1 << 20


@pytest.fixture(scope="module", params=STORES)
def service(request: pytest.FixtureRequest) -> Service:
    found: Service = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def server(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests that leave nothing which others would notice; some start it again."""
    with running(store_server(tmp_path_factory.mktemp("registry"), service)) as started:
        yield started


def test_what_is_pushed_is_pulled_also_after_a_restart(server: Server) -> None:
    image = make_image(random.Random(1), layer_bytes=3 * MIB)
    with Client(server.port) as client:
        client.push(NAME, "v1", image)
        assert client.fault_in(NAME, "v1", image) == ""
        assert client.request("GET", f"/v2/{NAME}/tags/list").body == b'{"name":"team/app","tags":["v1"]}'
        assert client.request("GET", "/v2/_catalog").body == b'{"repositories":["team/app"]}'
    assert server.stop() == 0
    server.start()
    with Client(server.port) as client:
        assert client.fault_in(NAME, "v1", image) == ""


def test_an_upload_in_chunks_goes_on_after_a_restart(server: Server) -> None:
    data = os.urandom(13 * MIB)
    with Client(server.port) as client:
        target = client.start_upload(NAME)
        sizes = (6 * MIB, 1, 5 * MIB, 2 * MIB - 1)
        start = 0
        for number, size in enumerate(sizes):
            if number == 2:
                server.kill()
                server.start()
                client.close()
            answer = client.expect(
                202,
                "PATCH",
                target,
                data[start : start + size],
                {"Content-Range": f"{start}-{start + size - 1}"},
            )
            target, start = location(answer), start + size
        digest = digest_of(data)
        client.expect(201, "PUT", with_digest(target, digest))
        assert client.expect(200, "GET", f"/v2/{NAME}/blobs/{digest}").body == data
        part = client.expect(206, "GET", f"/v2/{NAME}/blobs/{digest}", headers={"Range": "bytes=100-4099"})
        assert part.body == data[100:4100]


def test_a_wrong_digest_leaves_nothing(server: Server) -> None:
    for size in (0, 100, 12 * MIB):
        data = os.urandom(size)
        wrong = digest_of(b"something else")
        with Client(server.port) as client:
            client.expect(400, "PUT", with_digest(client.start_upload(NAME), wrong), data)
            client.expect(404, "HEAD", f"/v2/{NAME}/blobs/{wrong}")
            client.expect(404, "GET", f"/v2/{NAME}/blobs/{digest_of(data)}")


def test_what_is_deleted_and_collected_can_be_pushed_again(service: Service, tmp_path: Path) -> None:
    """Without a cache: with one, the collection waits until servers have noticed (`test_caches`)."""
    image = make_image(random.Random(2), layer_bytes=100_000)
    server = store_server(tmp_path, service, cache="none", secret=SECRET)
    with running(server), Client(server.port) as client:
        client.push(NAME, "v1", image)
        client.expect(202, "DELETE", f"/v2/{NAME}/manifests/{digest_of(image.manifest)}")
        client.expect(404, "GET", f"/v2/{NAME}/manifests/v1")
        done = forking.command("garbage-collect", "--notice", "0", server.command[-1], seconds=120)
        assert done.returncode == 0, done.stderr
        # The command may have taken longer than a connection lives without a request.
        client.close()
        for blob in image.blobs:
            client.expect(404, "HEAD", f"/v2/{NAME}/blobs/{digest_of(blob)}")
        client.push(NAME, "v1", image)
        assert client.fault_in(NAME, "v1", image) == ""


def test_a_collection_beside_servers_leaves_the_push_that_is_under_way(
    moto_store: S3, tmp_path: Path
) -> None:
    """It cannot see the servers. The blobs of an image are pushed before its manifest."""
    image = make_image(random.Random(4))
    server = store_server(tmp_path, moto_store, cache="none", secret=SECRET)
    with running(server), Client(server.port) as client:
        for blob in image.blobs:
            client.push_blob(NAME, blob)
        collected = forking.command("garbage-collect", "--notice", "0.1", server.command[-1], seconds=120)
        assert collected.returncode == 0, collected.stderr
        assert (
            f"0 blobs removed, 0 bytes freed; {len(image.blobs)} blobs of the last 60 minutes left"
            in collected.stdout
        )
        client.close()
        client.put_manifest(NAME, "v1", image)
        assert client.fault_in(NAME, "v1", image) == ""
        client.expect(202, "DELETE", f"/v2/{NAME}/manifests/{image.digest}")
        alone = ["--notice", "0.1", "--grace", "0"]
        collected = forking.command("garbage-collect", *alone, "--json", server.command[-1], seconds=120)
        found = json.loads(collected.stdout)
        assert (len(found["removed_blobs"]), found["young_blobs"]) == (len(image.blobs) + 1, 0)


async def test_a_repository_stays_if_an_image_comes_while_it_is_emptied(
    moto_store: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = driver_over(moto_store)
    shelf, remove = Shelf(driver), driver.delete
    old, late = image("old"), [image("late")]
    await shelf.push("a", old)

    async def delete(path: str, *, durable: bool = True) -> None:
        if late:
            await shelf.push("a", late.pop(), "latest")
        await remove(path, durable=durable)

    monkeypatch.setattr(driver, "delete", delete)
    found = await collect(shelf.registry, delete_untagged=True, notice_seconds=0)
    assert (late, found.garbage.repositories) == ([], [])
    assert not await shelf.has("a", old)
    await shelf.check("a", image("late"))
    assert await shelf.tags("a") == ["latest"]
    await driver.close()


async def test_blobs_that_the_last_repository_left_are_collected(service: Service) -> None:
    """In a store no folder tells that there were repositories."""
    driver = driver_over(service, f"emptied/{secrets.token_hex(6)}")
    try:
        shelf = Shelf(driver)
        await driver.write([(layout.blob_data(Digest.of(b"left")), b"left")])
        await collect(shelf.registry, notice_seconds=0)
        assert await shelf.blobs() == set()
    finally:
        await driver.close()


def test_a_blob_is_pulled_from_the_store_itself(service: Service, tmp_path: Path) -> None:
    data = os.urandom(MIB)
    server = store_server(tmp_path, service, redirect=True, secret=SECRET)
    with running(server), Client(server.port) as client:
        digest = client.push_blob(NAME, data)
        path = f"/v2/{NAME}/blobs/{digest}"
        assert client.expect(200, "HEAD", path).headers["content-length"] == str(MIB)
        sent = client.expect(307, "GET", path).headers["location"]
        host, _, target = sent.partition("://")[2].partition("/")
        assert exchange(host, "GET", f"/{target}").body == data
        missing = digest_of(b"not there")
        client.expect(404, "GET", f"/v2/{NAME}/blobs/{missing}")


def test_an_upload_that_was_never_finished_is_purged(server: Server) -> None:
    """The command in this process: that a shell can call it, too, is shown in `test_purging`."""
    data = os.urandom(100_000)
    config = server.command[-1]

    def purge(*options: str) -> str:
        done = CliRunner().invoke(main_app, ["purge-uploads", config, *options])
        assert done.exit_code == 0, done.output
        return done.stdout

    with Client(server.port) as client:
        target = client.start_upload(NAME)
        target = location(client.expect(202, "PATCH", target, data))
        assert purge().endswith("0 uploads purged\n"), "it is young"
        assert f"{NAME}: " in purge("--age", "0", "--dry-run")
        assert "100000 bytes" in purge("--age", "0")
        assert purge("--age", "0").endswith("0 uploads purged\n")
    # The commands may have taken longer than a connection lives without a request.
    with Client(server.port) as client:
        client.expect(404, "GET", target.partition("?")[0])
