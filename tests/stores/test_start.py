"""What is wrong with a store is said at the start, in one line that names the key."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.processes import some_worker
from tests.server.secure import AUTHORITY
from tests.stores.server import Service, store_server
from tests.support import forking
from tests.support.forking import Running
from tests.support.listening import spawned
from tests.support.objectstores import S3, Azure, Gcs
from tests.support.ports import free_port
from tests.support.server import Server, running


def refused(folder: Path, service: Service, environment: dict[str, str] | None = None, **more: object) -> str:
    """What a server says that does not start."""
    server = store_server(folder, service, **more)  # type: ignore[arg-type] # keys of the driver
    return refusal(launched(server, environment or {}), server)


def launched(server: Server, environment: Mapping[str, str]) -> Running:
    """With nothing else in its environment: variables of the machine may be credentials."""
    return forking.server(
        server.command[1:],
        {"PATH": "/usr/bin:/bin", "HOME": str(server.root), **environment},
        server.log,
    )


def refusal(process: Running, server: Server) -> str:
    try:
        assert process.wait(120) == 1
    finally:
        process.send_signal(signal.SIGKILL)
    said = server.log.read_text()
    assert said.count("\n") == 1, said
    return said


def test_a_bucket_that_is_not_there(moto_store: S3, tmp_path: Path) -> None:
    said = refused(tmp_path, replace(moto_store, bucket="elsewhere"))
    assert said.startswith("moorage: storage.s3: ")
    assert "the bucket does not exist (NoSuchBucket)" in said


def test_a_container_that_is_not_there(azurite_store: Azure, tmp_path: Path) -> None:
    said = refused(tmp_path, replace(azurite_store, container="elsewhere"))
    assert said.startswith("moorage: storage.azure: ")
    assert "the container does not exist (ContainerNotFound)" in said


def test_an_endpoint_with_the_bucket_in_it(moto_store: S3, tmp_path: Path) -> None:
    said = refused(tmp_path, replace(moto_store, endpoint=f"{moto_store.endpoint}/{moto_store.bucket}"))
    assert said.startswith("moorage: storage.s3: ")
    assert "look at bucket and regionendpoint" in said


@pytest.mark.parametrize("changed", ["without the account", "with the container", "another name"])
def test_an_address_or_a_container_of_azure_that_is_not_one(
    azurite_store: Azure, tmp_path: Path, changed: str
) -> None:
    endpoint, container = azurite_store.endpoint, azurite_store.container
    service = {
        "without the account": replace(azurite_store, endpoint=endpoint.rpartition("/")[0]),
        "with the container": replace(azurite_store, endpoint=f"{endpoint}/{container}"),
        "another name": replace(azurite_store, container="Moorage_X"),
    }[changed]
    said = refused(tmp_path, service)
    assert said.startswith("moorage: storage.azure: ")
    assert "look at container and serviceurl" in said


def test_a_wrong_secret_key(rclone_store: S3, tmp_path: Path) -> None:
    said = refused(tmp_path, replace(rclone_store, secret_key="wrong"))
    assert said.startswith("moorage: storage.s3: ")
    assert "the secret key is wrong (SignatureDoesNotMatch)" in said


def test_a_store_that_nobody_answers_for_and_no_user_and_password_of_its_endpoint(
    moto_store: S3, tmp_path: Path
) -> None:
    """Both servers at a time: each tries for seconds."""
    addresses = [f"{user}127.0.0.1:{free_port()}" for user in ("", "user:hidden@")]
    servers = [
        store_server(tmp_path / str(number), replace(moto_store, endpoint=f"http://{address}"))
        for number, address in enumerate(addresses)
    ]
    processes = [launched(server, {}) for server in servers]
    for process, server in zip(processes, servers, strict=True):
        said = refusal(process, server)
        assert said.startswith("moorage: storage.s3: ")
        assert "hidden" not in said


def test_credentials_that_are_nowhere(moto_store: S3, tmp_path: Path) -> None:
    said = refused(
        tmp_path, moto_store, {"AWS_EC2_METADATA_DISABLED": "true"}, accesskey=None, secretkey=None
    )
    assert said.startswith("moorage: storage.s3: no credentials: set accesskey and secretkey, ")


def test_a_private_key_without_its_line_breaks(tmp_path: Path) -> None:
    """obstore would quote it; no command does."""
    service = Gcs(
        "http://127.0.0.1:1", "images", "-----BEGIN PRIVATE KEY----- c2VjcmV0 -----END PRIVATE KEY-----"
    )
    told = (
        f"moorage: storage.gcs.keyfile: {tmp_path}/key.json: private_key is no RSA key in PEM with its line "
    )
    assert refused(tmp_path, service).startswith(told)
    config = store_server(tmp_path, service).command[-1]
    done = forking.command("garbage-collect", "--dry-run", config)
    assert done.returncode == 1
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"\xff\xfe", "ü".encode()])
def test_certificates_for_redis_that_are_none(moto_store: S3, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "roots.pem"
    if content is not None:
        path.write_bytes(content)
    redis = {"addrs": [f"127.0.0.1:{free_port()}"], "tls": {"rootcas": [str(path)]}}
    said = refused(tmp_path, moto_store, cache="redis", redis=redis)
    assert said.startswith(f"moorage: redis.tls.rootcas: {path}: ")


def test_a_worker_that_finds_a_broken_file_when_it_starts_says_so_in_one_line(
    moto_store: S3, tmp_path: Path
) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(AUTHORITY.pem)
    redis = {"addrs": [f"127.0.0.1:{free_port()}"], "tls": {"rootcas": [str(roots)]}}
    with running(store_server(tmp_path, moto_store, cache="redis", redis=redis)) as server:
        roots.write_text("nonsense")
        os.kill(some_worker(server, 30), signal.SIGKILL)
        assert server.process is not None
        assert server.process.wait(60) == 1
        said = server.log.read_text()
    assert 'msg="worker cannot start" reason="redis.tls.rootcas: ' in said
    assert "Traceback" not in said


def test_a_library_that_is_not_installed(moto_store: S3, tmp_path: Path) -> None:
    (tmp_path / "obstore.py").write_text("raise ModuleNotFoundError(name='obstore')\n")
    server = store_server(tmp_path, moto_store)
    said = refusal(spawned(server.command, server.log, {"PYTHONPATH": str(tmp_path)}), server)
    assert said == "moorage: storage.s3: obstore is not installed: pip install 'moorage[s3]'\n"
