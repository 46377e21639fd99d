"""What is wrong with a store is said at the start, in one line that names the key."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from tests.stores.server import Service, store_server
from tests.support.objectstores import S3, Azure
from tests.support.ports import free_port


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


def test_a_library_that_is_not_installed(moto_store: S3, tmp_path: Path) -> None:
    (tmp_path / "obstore.py").write_text("raise ModuleNotFoundError(name='obstore')\n")
    said = refused(tmp_path, moto_store, {"PYTHONPATH": str(tmp_path)})
    assert said == "moorage: storage.s3: obstore is not installed: pip install 'moorage[s3]'\n"
