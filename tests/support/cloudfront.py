"""A key pair of CloudFront, and signed URLs as CloudFront checks them: with the public key, over the policy made from the
URL itself."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

KEY_PAIR = "K2JCJMDEHXQW5F"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = KEY,
    form: PrivateFormat = PrivateFormat.TraditionalOpenSSL,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


def verified(url: str | None) -> tuple[str, int]:
    """The resource and the time that the signature vouches for. Raises InvalidSignature."""
    assert url is not None
    resource, _, query = url.partition("?")
    values = parse_qs(query, strict_parsing=True)
    assert set(values) == {"Expires", "Signature", "Key-Pair-Id"}
    assert values["Key-Pair-Id"] == [KEY_PAIR]
    expires = int(values["Expires"][0])
    policy = (
        f'{{"Statement":[{{"Resource":"{resource}","Condition":'
        f'{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}'
    )
    signature = values["Signature"][0].replace("-", "+").replace("_", "=").replace("~", "/")
    KEY.public_key().verify(base64.b64decode(signature), policy.encode(), PKCS1v15(), hashes.SHA1())
    return resource, expires
