"""Redirects clients to Amazon CloudFront, with signed URLs that expire.

The format of the URLs: CloudFront Developer Guide, "Create a signed URL using a canned policy".
This is the storage middleware `cloudfront` of the reference implementation. Needs botocore and cryptography, so it
is imported only where it is configured.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from botocore.signers import CloudFrontSigner  # type: ignore[import-untyped, unused-ignore]
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from moorage.drivers.base import Driver
from moorage.drivers.delegating import DelegatingDriver
from moorage.drivers.redirects import READS, stem


class CloudFront(DelegatingDriver):
    """Redirects clients to the distribution at `baseurl`, whose origin is the storage of the wrapped driver.

    A URL is `baseurl` with the object key that `key` returns for the path, and is valid for `duration`. Clients whose address
    is in `nearby` get the URL of the wrapped driver instead.

    `privatekey` is an RSA key in PEM (PKCS#1 or PKCS#8), and `keypairid` is CloudFront's id of its public key. Raises
    ValueError for any other key, and for a base URL without scheme or host.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        baseurl: str,
        keypairid: str,
        privatekey: bytes,
        key: Callable[[str], str],
        duration: timedelta,
        nearby: Container[str],
    ) -> None:
        super().__init__(driver)
        self.redirects = True
        self._stem = stem(baseurl)
        self._key = key
        self._duration = duration
        self._nearby = nearby
        self._signer = CloudFrontSigner(keypairid, _signing(privatekey))

    async def direct(self, path: str, method: str, client: str) -> str | None:
        if method not in READS:
            return None
        if client in self._nearby:
            return await self._driver.direct(path, method, client)
        # Encoded as the client will request it: the signature covers the URL byte by byte.
        url = f"{self._stem}/{quote(self._key(path).lstrip('/'))}"
        signed: str = self._signer.generate_presigned_url(
            url, date_less_than=datetime.now(UTC) + self._duration
        )
        return signed


def _signing(pem: bytes) -> Callable[[bytes], bytes]:
    try:
        loaded = load_pem_private_key(pem, password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        # The library's message may quote the key.
        raise ValueError("the private key is not a PEM file without a password") from None
    if not isinstance(loaded, RSAPrivateKey):
        raise ValueError("the private key is not an RSA key")
    private = loaded

    def sign(message: bytes) -> bytes:
        return private.sign(message, PKCS1v15(), SHA1())  # noqa: S303 - the hash of a URL that names none

    return sign
