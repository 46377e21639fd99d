"""MinIO as a child process, with one bucket."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tests.server.secure import AUTHORITY
from tests.support.ports import free_port

from benchmarks.load.specs import Bucket
from benchmarks.restartable import RestartableServer
from benchmarks.secure import ISSUED

NAME, REGION = "moorage", "us-east-1"
ACCESS_KEY, SECRET_KEY = "benchmarks", "a-secret-for-benchmarks"
START_SECONDS = 30.0
# Turn off MinIO's web page and its search for updates, and let it scan its objects slowly.
ENVIRONMENT = {
    "MINIO_ROOT_USER": ACCESS_KEY,
    "MINIO_ROOT_PASSWORD": SECRET_KEY,
    "MINIO_BROWSER": "off",
    "MINIO_UPDATE": "off",
    "MINIO_SCANNER_SPEED": "slowest",
}


class MinIO(RestartableServer):
    """It is ready when the bucket is there. `authority` is set where it speaks HTTPS."""

    authority = ""

    def start(self) -> None:
        """Raises RuntimeError with the end of its log when it does not get there."""
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        client = boto_client(self.bucket())
        while time.monotonic() < deadline:
            with contextlib.suppress(BotoCoreError, ClientError):
                with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
                    client.create_bucket(Bucket=NAME)
                client.close()
                return
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"MinIO did not start:\n{self.log.read_text(errors='replace')[-2000:]}")

    def bucket(self, port: int = 0) -> Bucket:
        """As it is reached through that port, if not its own."""
        scheme = "https" if self.authority else "http"
        endpoint = f"{scheme}://127.0.0.1:{port or self.port}"
        return Bucket(endpoint, NAME, ACCESS_KEY, SECRET_KEY, REGION, self.authority)


def boto_client(bucket: Bucket) -> Any:
    """Path style; tries again soon, and not often."""
    return boto3.client(
        "s3",
        endpoint_url=bucket.endpoint,
        region_name=bucket.region,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        verify=bucket.authority or None,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, connect_timeout=2),
    )


@contextlib.contextmanager
def serving(binary: str, data: Path, log: Path, *, certificates: Path | None = None) -> Iterator[MinIO]:
    """Killed at the end. With `certificates`, a folder that it writes to, it speaks HTTPS."""
    data.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [binary, "server", "--quiet", "--address", f"127.0.0.1:{port}", str(data)]
    if certificates:
        command += ["--certs-dir", str(certificates)]
    store = MinIO(command, port, data, log, ENVIRONMENT)
    if certificates:
        store.authority = _certified(certificates)
    try:
        store.start()
        yield store
    finally:
        store.kill()


def _certified(folder: Path) -> str:
    """Write a certificate and its key where MinIO looks for them; the path of whoever vouches for it."""
    folder.mkdir(parents=True, exist_ok=True)
    ISSUED.write(folder / "public.crt", folder / "private.key")
    authority = folder.with_suffix(".pem")
    authority.write_bytes(AUTHORITY.pem)
    return str(authority)
