"""A store of one's own speaks TLS with a certificate of one's own authority: both libraries have to trust it, or neither."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore import s3
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.network import retries
from moorage.drivers.objectstore.s3 import s3_driver
from tests.drivers.objectstore.stores import DATA, LINKS, s3_options, uploaded
from tests.server.issuing import Authority
from tests.support.listening import listening
from tests.support.objectstores import BUCKET, S3
from tests.support.ports import free_port

MIB = 1 << 20
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an authority and of a certificate that it issued."""
    folder = tmp_path_factory.mktemp("authority")
    made = Authority()
    made.issue().write(folder / "certificate.pem", folder / "key.pem")
    (folder / "authority.pem").write_bytes(made.pem)
    return folder


@pytest.fixture(scope="module")
def secured(authority: Path) -> Iterator[S3]:
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    pair = ["--ssl-cert", str(authority / "certificate.pem"), "--ssl-key", str(authority / "key.pem")]
    with listening([*command, *pair], port, authority / "moto.log"):
        store = S3(f"https://127.0.0.1:{port}", BUCKET, "key", "secret", "us-east-1")
        client = boto3.client(
            "s3",
            endpoint_url=store.endpoint,
            aws_access_key_id=store.access_key,
            aws_secret_access_key=store.secret_key,
            region_name=store.region,
            verify=str(authority / "authority.pem"),
        )
        client.create_bucket(Bucket=BUCKET)
        yield store


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def over(store: S3) -> ObjectStoreDriver:
    """Copies are made in parts, which is boto3's work."""
    options = s3_options(store, f"tests/{secrets.token_hex(6)}")
    return s3_driver(replace(options, copy_bytes=5 * MIB, copy_threshold=5 * MIB), links_for=LINKS)


@pytest.mark.parametrize("other", ["", "AWS_CA_BUNDLE", "SSL_CERT_FILE"])
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "AWS_CA_BUNDLE"])
async def test_an_authority_that_a_variable_names_is_trusted_for_small_and_for_large_layers(
    secured: S3, authority: Path, monkeypatch: pytest.MonkeyPatch, variable: str, other: str
) -> None:
    """Also if another one names others."""
    if other:
        (authority / "other.pem").write_bytes(Authority("Another one").pem)
        monkeypatch.setenv(other, str(authority / "other.pem"))
    monkeypatch.setenv(variable, str(authority / "authority.pem"))
    driver = over(secured)
    try:
        await driver.write([("/a", b"1")])
        assert await driver.read("/a") == b"1"
        await driver.move(DATA, "/blob", mark=await uploaded(driver, bytes(11 * MIB)))
        assert (await driver.stat("/blob")).size == 11 * MIB
        assert await driver.abandoned(["/u"], 0.0, remove=False) == []
    finally:
        await driver.close()


async def test_one_that_nobody_named_is_told_in_words(secured: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "retries", lambda most: retries(0))
    driver = over(secured)
    try:
        with pytest.raises(
            DriverError, match=r"the certificate is not trusted \(UnknownIssuer\): .*SSL_CERT_FILE"
        ):
            await driver.read("/a")
    finally:
        await driver.close()


async def test_a_bundle_that_cannot_be_read_is_told_with_its_variable(
    secured: S3, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority / "nowhere.pem"))
    with pytest.raises(DriverError, match=r"AWS_CA_BUNDLE: .*nowhere\.pem: No such file"):
        over(secured)
    (authority / "none.pem").write_text("no certificate")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority / "none.pem"))
    with pytest.raises(DriverError, match=r"AWS_CA_BUNDLE: .*none\.pem: holds no certificate"):
        over(secured)


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        ("http://127.0.0.1:1", "127.0.0.1:1: Connection refused"),
        ("http://store.invalid", "failed to lookup address"),
        ("https://{plain}", "it does not speak TLS"),
    ],
)
async def test_a_store_that_is_not_reached_is_told_with_the_reason(
    moto_store: S3, monkeypatch: pytest.MonkeyPatch, endpoint: str, told: str
) -> None:
    monkeypatch.setattr(s3, "retries", lambda most: retries(0))
    place = endpoint.format(plain=moto_store.endpoint.partition("://")[2])
    driver = over(replace(moto_store, endpoint=place))
    try:
        with pytest.raises(DriverError, match=told):
            await driver.read("/a")
    finally:
        await driver.close()
