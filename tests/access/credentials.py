"""What people send to prove who they are: passwords, and tokens of the built-in service and of another one."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from moorage.drivers.inmemory import InMemoryDriver
from tests.access.cases import REPOSITORIES
from tests.access.table import HAS, known
from tests.api.client import Client
from tests.auth.hashing import header, line
from tests.auth.tokens import base64url, changed, compact, ec_key
from tests.auth.tokens import token as signed

HOST: Final = "registry.example.org"
ISSUER, AUDIENCE = "auth.example.org", "registry.example.org"
Headers = tuple[tuple[str, str], ...]

EVERYWHERE: Final = " ".join(f"repository:{name}:pull,push,delete" for name in REPOSITORIES.values())


def user(identity: str) -> str:
    return identity.lower().replace(",", "").replace(" ", "-")


def password(name: str) -> str:
    return f"the password of {name}"


@cache
def password_file() -> str:
    return "".join(line(user(one), password(user(one))) for one in HAS if known(one))


def by_password(identity: str) -> Headers:
    name = user(identity) if known(identity) else user("admin")
    secret = "wrong" if identity == "bad password" else password(name)
    return (("authorization", header(name, secret)),)


def bearer(text: str) -> Headers:
    return (("authorization", f"Bearer {text}"),)


async def issued(client: Client, identity: str, scope: str = f"{EVERYWHERE} registry:catalog:*") -> str:
    """What the built-in token service gives of that."""
    query = urlencode({"service": "moorage", "scope": scope})
    answer = await client("GET", f"/auth/token?{query}", headers=by_password(identity))
    assert answer.status == 200, answer.body
    return str(answer.json["token"])


def service_token(identity: str, **changes: Any) -> str:
    """Of a token service elsewhere, from a minute ago, for everything that the table gives."""
    access = [
        {"type": "registry", "name": "catalog", "actions": ["*"]}
        if place == "registry"
        else {"type": "repository", "name": REPOSITORIES[place], "actions": sorted(actions)}
        for place, actions in HAS[identity].items()
    ]
    usual: Mapping[str, Any] = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": user(identity), "access": access, "iat": now() - 60, "nbf": now() - 60, "exp": now() + 600,
    }  # fmt: skip
    return signed(ec_key(), **changed(usual, changes))


def resigned(driver: InMemoryDriver, text: str, **changes: Any) -> str:
    """A token of the built-in service that says something else, by the key in the storage."""
    head, claims, _ = text.split(".")
    key = signing_key(driver)
    return compact(unpacked(head), changed(unpacked(claims), changes), key, "EdDSA")


def signing_key(driver: InMemoryDriver) -> Ed25519PrivateKey:
    content = next(
        bytes(file.data) for path, file in driver._files.items() if path.startswith("/moorage/keys/")
    )
    return Ed25519PrivateKey.from_private_bytes(_decoded(json.loads(content)["d"]))


def unpacked(part: str) -> dict[str, Any]:
    found = json.loads(_decoded(part))
    assert isinstance(found, dict)
    return found


def _decoded(text: str) -> bytes:
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert base64url(raw) == text
    return raw


def now() -> int:
    return int(time.time())
