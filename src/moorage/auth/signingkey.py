"""One key that signs tokens: Ed25519, its form in the storage, and its signatures (RFC 8037; RFC 7515, section 7.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwa import JWS_ALGORITHMS
from joserfc.jwk import OKPKey

from moorage.auth import base64url, strictjson
from moorage.auth.keys import TrustedKey, trusted
from moorage.wire import encode

ALGORITHM: Final = "EdDSA"

_EDDSA: Final = next(one for one in JWS_ALGORITHMS if one.name == ALGORITHM)
_NAME: Final = re.compile(r"(?P<created>[0-9]{10})-(?P<id>[A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True, order=True)
class SigningKey:
    """A key, ordered by age with the oldest first. `created`: in seconds since 1970. `id`: the thumbprint (RFC 7638), which is the
    `kid` of its tokens. `trusted`: the public half."""

    created: int
    id: str
    trusted: TrustedKey = field(repr=False, compare=False)
    _key: OKPKey = field(repr=False, compare=False)
    _header: str = field(repr=False, compare=False)

    @classmethod
    def new(cls, created: int) -> SigningKey:
        return cls._of(created, OKPKey.generate_key("Ed25519"))

    @classmethod
    def parse(cls, name: str, content: bytes) -> SigningKey:
        """Raises ValueError unless the content is that key, complete and unchanged; its text repeats nothing of the content."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError("its name is not that of a key")
        try:
            private = OKPKey.import_key({**_members(content), "kty": "OKP", "crv": "Ed25519"}).private_key
            if private is None:
                raise ValueError("its private half is missing")
            # From the private half alone, so that the name vouches for it.
            found = cls._of(int(match["created"]), OKPKey.import_key(private))
        except (ValueError, TypeError, KeyError, JoseError):
            raise ValueError("its content is damaged") from None
        if found.id != match["id"]:
            raise ValueError("its content is another key")
        return found

    @classmethod
    def _of(cls, created: int, key: OKPKey) -> SigningKey:
        thumbprint = key.thumbprint()
        header = base64url.encode(encode({"alg": ALGORITHM, "kid": thumbprint, "typ": "JWT"}))
        return cls(created, thumbprint, trusted(key.public_key), key, header)

    @property
    def name(self) -> str:
        """The name in the storage; names sort by age."""
        return f"{self.created:010}-{self.id}"

    def content(self) -> bytes:
        """A JWK with the private half (RFC 8037, section 2)."""
        return encode(self._key.as_dict(private=True))

    def sign(self, payload: bytes) -> str:
        statement = f"{self._header}.{base64url.encode(payload)}"
        return f"{statement}.{base64url.encode(_EDDSA.sign(statement.encode(), self._key))}"


def _members(content: bytes) -> dict[str, str]:
    members = strictjson.parse(content)
    return {name: value for name in ("x", "d") if isinstance(value := members.get(name), str)}
