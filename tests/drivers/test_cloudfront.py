"""Signed URLs: what they vouch for, who gets them, and the keys that cannot sign."""

from __future__ import annotations

import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, PrivateFormat

from moorage.drivers.awsranges import AddressRanges, parse
from moorage.drivers.cloudfront import CloudFront
from moorage.drivers.delegating import DelegatingDriver
from moorage.drivers.inmemory import InMemoryDriver
from tests.contracts.driver import PROMISES, Promise
from tests.support.cloudfront import KEY_PAIR, pem, verified

BLOB = "/docker/registry/v2/blobs/sha256/ab/abcdef/data"
S3 = "https://bucket.s3.example/key?X-Amz-Signature=0"


class Storage(DelegatingDriver):
    """Like an object store: objects below a root folder, with URLs of their own."""

    async def direct(self, path: str, method: str, client: str) -> str | None:
        return S3

    def key(self, path: str) -> str:
        return f"root folder{path}"


def cloudfront(
    *,
    baseurl: str = "https://d1.cloudfront.example",
    privatekey: bytes | None = None,
    duration: timedelta = timedelta(minutes=20),
    nearby: AddressRanges | None = None,
) -> CloudFront:
    storage = Storage(InMemoryDriver())
    return CloudFront(
        storage,
        baseurl=baseurl,
        keypairid=KEY_PAIR,
        privatekey=privatekey or pem(),
        key=storage.key,
        duration=duration,
        nearby=nearby or AddressRanges(),
    )


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
async def test_it_keeps_the_promises_of_a_driver(promise: Promise) -> None:
    driver = cloudfront()
    await promise(driver)
    await driver.close()


@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_url_is_signed_for_the_duration(form: PrivateFormat, method: str) -> None:
    driver = cloudfront(privatekey=pem(form=form), duration=timedelta(minutes=7))
    before = int(time.time())
    resource, expires = verified(await driver.direct(BLOB, method, "192.0.2.1"))
    assert resource == f"https://d1.cloudfront.example/root%20folder{BLOB}"
    assert before + 420 <= expires <= time.time() + 420


@pytest.mark.parametrize("ending", ["", "/"])
async def test_the_path_of_the_base_url_comes_before_the_key(ending: str) -> None:
    driver = cloudfront(baseurl=f"http://user:secret@cdn.example:8080/pre/fix{ending}")
    resource, _ = verified(await driver.direct(BLOB, "GET", ""))
    assert resource == f"http://cdn.example:8080/pre/fix/root%20folder{BLOB}"


async def test_a_changed_url_is_not_vouched_for() -> None:
    url = await cloudfront().direct(BLOB, "GET", "")
    assert url is not None
    with pytest.raises(InvalidSignature):
        verified(url.replace("abcdef", "abcdee"))


async def test_only_reads_get_a_url() -> None:
    assert await cloudfront().direct(BLOB, "DELETE", "") is None


@pytest.mark.parametrize(
    ("client", "direct"),
    [
        ("198.51.100.7", True),
        ("::ffff:198.51.100.7", True),
        ("2001:db8::7", True),
        ("203.0.113.7", False),
        ("2001:db9::7", False),
        ("", False),
        ("unix:", False),
        ("198.51.100.7:443", False),
    ],
)
async def test_clients_near_the_storage_go_there(client: str, direct: bool) -> None:
    ranges = parse(
        b'{"prefixes": [{"ip_prefix": "198.51.100.0/24"}],'
        b' "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/32"}]}'
    )
    url = await cloudfront(nearby=ranges).direct(BLOB, "GET", client)
    assert url is not None
    assert (url == S3) is direct
    assert urlsplit(url).hostname == ("bucket.s3.example" if direct else "d1.cloudfront.example")


@pytest.mark.parametrize(
    "privatekey",
    [
        b"no key",
        pem(form=PrivateFormat.PKCS8, encryption=BestAvailableEncryption(b"password")),
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem().replace(b"MII", b"XII", 1),
    ],
    ids=["text", "password", "curve", "broken"],
)
def test_another_key_is_refused_without_a_word_of_it(privatekey: bytes) -> None:
    with pytest.raises(ValueError, match=r"^the private key is not ") as refused:
        cloudfront(privatekey=privatekey)
    assert "PRIVATE" not in str(refused.value)


def test_a_base_url_needs_a_host() -> None:
    with pytest.raises(ValueError, match="scheme and a host"):
        cloudfront(baseurl="d1.cloudfront.example")
