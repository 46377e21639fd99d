"""What is wrong with a store is said at the start, in one line that names the key."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.processes import eventually, worker_pids
from tests.server.secure import AUTHORITY
from tests.stores.server import Service, store_server
from tests.support.objectstores import S3, Azure, Gcs
from tests.support.ports import free_port
from tests.support.server import running


def refused(folder: Path, service: Service, environment: dict[str, str] | None = None, **more: object) -> str:
    """What a server says that does not start."""
    server = store_server(folder, service, **more)  # type: ignore[arg-type] # keys of the driver
    done = subprocess.run(
        server.command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **(environment or {})},
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_bucket_that_is_not_there(moto_store: S3, tmp_path: Path) -> None:
    said = refused(tmp_path, replace(moto_store, bucket="elsewhere"))
    assert said.startswith("moorage: storage.s3: ")
    assert "the bucket does not exist (NoSuchBucket)" in said


def test_a_container_that_is_not_there(azurite_store: Azure, tmp_path: Path) -> None:
    said = refused(tmp_path, replace(azurite_store, container="elsewhere"))
    assert said.startswith("moorage: storage.azure: ")
    assert "the container does not exist (ContainerNotFound)" in said


def test_a_wrong_secret_key(rclone_store: S3, tmp_path: Path) -> None:
    said = refused(tmp_path, replace(rclone_store, secret_key="wrong"))
    assert said.startswith("moorage: storage.s3: ")
    assert "the secret key is wrong (SignatureDoesNotMatch)" in said


def test_a_store_that_nobody_answers_for(moto_store: S3, tmp_path: Path) -> None:
    said = refused(tmp_path, replace(moto_store, endpoint=f"http://127.0.0.1:{free_port()}"))
    assert said.startswith("moorage: storage.s3: ")


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
    program, _, config = store_server(tmp_path, service).command
    done = subprocess.run(
        [program, "garbage-collect", "--dry-run", config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1, done.stderr


def test_user_and_password_of_an_endpoint_that_nobody_answers_at(moto_store: S3, tmp_path: Path) -> None:
    said = refused(tmp_path, replace(moto_store, endpoint=f"http://user:hidden@127.0.0.1:{free_port()}"))
    assert said.startswith("moorage: storage.s3: ")
    assert "hidden" not in said


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
        eventually(lambda: bool(worker_pids(server)), 30, "a worker is seen")
        os.kill(min(worker_pids(server)), signal.SIGKILL)
        assert server.process is not None
        assert server.process.wait(60) == 1
        said = server.log.read_text()
    assert 'msg="worker cannot start" reason="redis.tls.rootcas: ' in said
    assert "Traceback" not in said


def test_a_library_that_is_not_installed(moto_store: S3, tmp_path: Path) -> None:
    (tmp_path / "obstore.py").write_text("raise ModuleNotFoundError(name='obstore')\n")
    said = refused(tmp_path, moto_store, {"PYTHONPATH": str(tmp_path)})
    assert said == "moorage: storage.s3: obstore is not installed: pip install 'moorage[s3]'\n"
