"""Stores that refuse, and buckets that somebody else has been at: clients and operators are told the truth."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.client import Client, location, with_digest
from tests.faults.images import MANIFEST_TYPE, digest_of, make_image
from tests.faults.processes import eventually, holder_of
from tests.faults.wire import Answer, Wire, request_bytes
from tests.stores.bucket import blob_name
from tests.stores.realclients import as_folder
from tests.stores.site import Site, site
from tests.stores.test_start import refused
from tests.support import command
from tests.support.objectstores import S3
from tests.support.server import Server, running
from tests.support.storefaults import WRITING, Faults, Refusal
from tests.support.storeproxy import proxying

NAME = "team/app"
IMAGE = make_image(random.Random(1))
BLOB = IMAGE.blobs[2]
OTHER = make_image(random.Random(2))
REASONS = [
    (Refusal("400 Bad Request", "ExpiredToken"), "the credentials have expired (ExpiredToken)"),
    (
        Refusal("403 Forbidden", "RequestTimeTooSkewed"),
        "the clock of this machine is wrong (RequestTimeTooSkewed)",
    ),
    (Refusal("403 Forbidden", "InvalidAccessKeyId"), "the access key is unknown (InvalidAccessKeyId)"),
    (Refusal("403 Forbidden", "AccessDenied"), "access is denied (AccessDenied)"),
    (Refusal("404 Not Found", "NoSuchBucket"), "the bucket does not exist (NoSuchBucket)"),
]
READ_ONLY = Faults(refusal=Refusal("403 Forbidden", "AccessDenied", WRITING))


@pytest.fixture
def found(moto_store: S3, tmp_path: Path) -> Iterator[Site]:
    """With an image in it. Nothing is remembered, so that every answer is the store's."""
    with site(tmp_path, moto_store, cache="none") as started:
        with Client(started.server.port) as client:
            client.push(NAME, "v1", IMAGE)
        yield started


@pytest.fixture
def client(found: Site) -> Iterator[Client]:
    with Client(found.server.port) as connected:
        yield connected


def code(answer: Answer) -> str:
    return str(json.loads(answer.body)["errors"][0]["code"])


@pytest.mark.parametrize(("refusal", "reason"), REASONS[:2], ids=[one.code for one, _ in REASONS[:2]])
def test_a_refusal_at_the_start_is_told_in_one_line(
    moto_store: S3, tmp_path: Path, refusal: Refusal, reason: str
) -> None:
    with proxying(moto_store.endpoint) as proxy:
        proxy.faults = Faults(refusal=refusal)
        said = refused(tmp_path, replace(moto_store, endpoint=proxy.endpoint))
    assert said.startswith("moorage: storage.s3: ")
    assert said.endswith(f"{reason}\n")


def test_a_refusal_while_serving_is_503_until_it_is_over(found: Site, client: Client) -> None:
    asked = [
        ("GET", f"/v2/{NAME}/manifests/v1"),
        ("GET", f"/v2/{NAME}/blobs/{digest_of(BLOB)}"),
        ("HEAD", f"/v2/{NAME}/blobs/{digest_of(BLOB)}"),
        ("HEAD", f"/v2/{NAME}/manifests/{IMAGE.digest}"),
        ("GET", f"/v2/{NAME}/tags/list"),
        ("GET", "/v2/_catalog"),
    ]
    for refusal, reason in REASONS:
        found.proxy.faults = Faults(refusal=refusal)
        for method, path in asked:
            answer = client.request(method, path)
            assert answer.status == 503, path
            assert int(answer.headers["retry-after"]) > 0
            assert refusal.code.encode() not in answer.body
        for path in (f"/v2/{NAME}/manifests/{IMAGE.digest}", f"/v2/{NAME}/blobs/{digest_of(BLOB)}"):
            assert client.request("DELETE", path).status in (405, 503), path
        lines = [line for line in found.log.splitlines() if reason in line and "DELETE" not in line]
        assert len(lines) == len(asked), f"{reason}: {lines}"
        assert "/docker/registry/v2/repositories/team/app/_manifests/tags/v1/current/link" in lines[0]
        found.proxy.faults = Faults()
        for method, path in asked:
            assert client.request(method, path).status == 200, path


def test_a_store_that_refuses_writes_is_a_registry_that_is_read_only(found: Site, client: Client) -> None:
    found.proxy.faults = READ_ONLY
    digest = digest_of(OTHER.blobs[2])
    for answer in (
        client.request("PUT", with_digest(client.start_upload(NAME), digest), OTHER.blobs[2]),
        client.request("PATCH", client.start_upload(NAME), OTHER.blobs[2]),
        client.request("PUT", f"/v2/{NAME}/manifests/v2", IMAGE.manifest, {"Content-Type": MANIFEST_TYPE}),
        client.request("DELETE", f"/v2/{NAME}/manifests/v1"),
    ):
        assert (answer.status, code(answer)) == (405, "UNSUPPORTED")
        assert b"the registry may not write to its storage" in answer.body
    assert 'msg="the storage refuses writes"' in found.log
    assert "access is denied (AccessDenied)" in found.log
    assert client.fault_in(NAME, "v1", IMAGE) == ""
    found.proxy.faults = Faults()
    client.push(NAME, "v2", OTHER)
    assert client.fault_in(NAME, "v2", OTHER) == ""


def test_a_client_shows_why_it_cannot_push_to_a_store_that_refuses_writes(
    found: Site, skopeo: command.Client, tmp_path: Path
) -> None:
    folder = as_folder(tmp_path / "image", OTHER)
    found.proxy.faults = READ_ONLY
    target = f"docker://127.0.0.1:{found.server.port}/{NAME}:v2"
    done = skopeo.attempt("copy", "--dest-tls-verify=false", "--preserve-digests", f"dir:{folder}", target)
    assert done.returncode == 1
    assert "the registry may not write to its storage" in done.stderr
    found.proxy.faults = Faults()


def test_a_registry_starts_on_a_bucket_that_it_may_only_read(moto_store: S3, tmp_path: Path) -> None:
    with site(tmp_path, moto_store) as started:
        with Client(started.server.port) as client:
            client.push(NAME, "v1", IMAGE)
        started.server.stop()
        started.bucket.remove("moorage/secret")
        started.proxy.faults = READ_ONLY
        started.server.start()
        with Client(started.server.port) as client:
            assert client.fault_in(NAME, "v1", IMAGE) == ""
        assert "the key of upload states cannot be kept" in started.log


@pytest.mark.parametrize("cache", ["none", "inmemory"])
def test_a_blob_that_vanished_from_the_bucket_is_unknown_until_it_is_pushed_again(
    moto_store: S3, tmp_path: Path, cache: str
) -> None:
    path = f"/v2/{NAME}/blobs/{digest_of(BLOB)}"
    with site(tmp_path, moto_store, cache=cache) as found, Client(found.server.port) as client:
        client.push(NAME, "v1", IMAGE)
        found.bucket.remove(blob_name(digest_of(BLOB)))
        # What is remembered is found wrong by whoever wants the bytes.
        answer = client.expect(404, "GET", path)
        assert code(answer) == "BLOB_UNKNOWN"
        client.expect(404, "HEAD", path)
        told = [line for line in found.log.splitlines() if "content that is not there" in line]
        assert any(digest_of(BLOB).partition(":")[2] in line for line in told), found.log
        for blob in IMAGE.blobs[:2]:
            assert client.expect(200, "GET", f"/v2/{NAME}/blobs/{digest_of(blob)}").body == blob
        client.push(NAME, "v1", IMAGE)
        assert client.fault_in(NAME, "v1", IMAGE) == ""


@pytest.mark.parametrize("cache", ["none", "inmemory"])
def test_a_manifest_that_vanished_from_the_bucket_is_unknown_until_it_is_pushed_again(
    moto_store: S3, tmp_path: Path, cache: str
) -> None:
    with site(tmp_path, moto_store, cache=cache) as found, Client(found.server.port) as client:
        client.push(NAME, "v1", IMAGE)
        client.push(NAME, "v2", OTHER)
        found.server.stop()
        found.bucket.remove(blob_name(IMAGE.digest))
        found.server.start()
        client.close()
        answer = client.get_manifest(NAME, IMAGE.digest)
        assert (answer.status, code(answer)) == (404, "MANIFEST_UNKNOWN")
        assert client.get_manifest(NAME, "v1").body == IMAGE.manifest, "it is beside the tag, too"
        assert f"digest={IMAGE.digest}" in found.log
        assert client.fault_in(NAME, "v2", OTHER) == ""
        client.push(NAME, "v1", IMAGE)
        assert client.fault_in(NAME, "v1", IMAGE) == ""


def test_an_upload_whose_bytes_vanished_is_unknown(found: Site, client: Client) -> None:
    data = random.Random(3).randbytes(2 << 20)
    target = location(client.expect(202, "PATCH", client.start_upload(NAME), data))
    for name in found.bucket.names():
        if "/_uploads/" in name:
            found.bucket.remove(name)
    answer = client.expect(404, "PUT", with_digest(target, digest_of(data)))
    assert code(answer) == "BLOB_UPLOAD_UNKNOWN"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_dies_while_the_store_fails_has_a_successor(
    moto_store: S3, tmp_path: Path, workers: int
) -> None:
    with site(tmp_path, moto_store, start=False) as found, serving(found, workers):
        with Client(found.server.port) as client:
            client.push(NAME, "v1", IMAGE)
            target = client.start_upload(NAME)
        victims = serving_workers(found.server, workers)
        found.proxy.faults = Faults(refusal=Refusal("503 Slow Down", "SlowDown"))
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        assert not serving_workers(found.server, workers) & victims
        found.proxy.faults = Faults()
        with Client(found.server.port) as client:
            assert client.fault_in(NAME, "v1", IMAGE) == ""
            client.expect(201, "PUT", with_digest(target, digest_of(b"on")), b"on")
    assert "Traceback" not in found.log
    assert "worker cannot start" not in found.log


def test_a_worker_that_needs_the_store_to_start_says_in_one_line_that_it_fails(
    moto_store: S3, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("ann:$2y$05$7cjmhYE3Gdbs3kkjn1LsfO.VY2o02fFZF1RFZJPScDIVYgjPUyqWq\n")
    signing = {"htpasswd": {"realm": "x", "path": str(passwords)}, "issuer": {"enabled": True}}
    with site(tmp_path, moto_store, start=False) as found, serving(found, 2, auth=signing):
        victims = serving_workers(found.server, 2)
        found.proxy.faults = Faults(refusal=Refusal("403 Forbidden", "AccessDenied"))
        os.kill(min(victims), signal.SIGKILL)
        eventually(lambda: 'msg="worker cannot start"' in found.log, 60, "it says so")
        found.proxy.faults = Faults()
        serving_workers(found.server, 2)
    assert "access is denied (AccessDenied)" in found.log
    assert "Traceback" not in found.log


@contextmanager
def serving(found: Site, workers: int, **sections: object) -> Iterator[None]:
    """With more in its configuration."""
    found.bucket.with_secret()
    config = Path(found.server.command[-1])
    written = json.loads(config.read_text())
    written["http"]["workers"] = workers
    config.write_text(json.dumps({**written, **sections}))
    with running(found.server):
        yield


def serving_workers(server: Server, number: int) -> set[int]:
    """Once so many of them answer."""
    seen: set[int] = set()

    def all_seen() -> bool:
        with suppress(OSError, LookupError), Wire(server.port) as wire:
            wire.send(request_bytes("GET", "/v2/"))
            wire.receive()
            seen.add(holder_of(server, wire))
        return len(seen) == number

    eventually(all_seen, 60, f"{number} workers answer")
    return seen
