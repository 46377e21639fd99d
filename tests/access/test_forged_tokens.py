"""Tokens that nobody should have believed, sent to the registry as it is reached from outside."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Final

import pytest

from moorage.api.endpoint import Endpoint
from moorage.api.resume import States
from moorage.api.service import Service
from moorage.auth.base import AccessController
from moorage.auth.keyfiles import parse_bundle, parse_jwks
from moorage.auth.keysources import JoinedKeys
from moorage.auth.token import TokenAccess
from moorage.auth.verification import Verifier
from moorage.drivers.base import Driver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from tests.access.credentials import bearer
from tests.api.client import Answer, Client
from tests.api.pushing import push
from tests.auth import hostile, hostilechains, hostileclaims, hostileforms
from tests.auth.keystore import FixedKeys
from tests.auth.tokens import ISSUER, NOW, SERVICE
from tests.store.images import image

NAME: Final = "team/app"
TAG: Final = f"/v2/{NAME}/manifests/latest"
Family = Callable[[], hostile.Hostile]

INJECTED: Final = (hostile.injections, hostile.kids)
CONFUSED: Final = (hostile.algorithms, hostile.confusion)


def families() -> list[Family]:
    """All the others."""
    found = [
        family
        for module in (hostile, hostilechains, hostileclaims, hostileforms)
        for family in vars(module).values()
        if inspect.isfunction(family) and family.__annotations__ == {"return": "Hostile"}
    ]
    return [
        one
        for one in found
        if one.__name__[0] != "_" and one not in (*INJECTED, *CONFUSED, hostileclaims.insufficient)
    ]


def client(driver: Driver, access: AccessController | None) -> Client:
    """A registry of its parts, for these tokens are from a time when the clock says `NOW`."""
    service = Service(
        registry=Registry(Stock(driver)), states=States(b"k" * 32), access=access, delete_enabled=True
    )
    return Client(Endpoint(service))


def refusing(reason: str) -> None:
    raise ValueError(reason)


@pytest.fixture
async def guarded() -> Client:
    driver = InMemoryDriver()
    await push(client(driver, None), NAME, image("app"), "latest")
    bundle, key_set = parse_bundle(hostile.bundle(), refusing), parse_jwks(hostile.key_set(), refusing)
    keys = JoinedKeys(FixedKeys(bundle), FixedKeys(key_set))
    verifier = Verifier(ISSUER, SERVICE, (), keys, clock=lambda: NOW)
    return client(driver, TokenAccess(verifier, "https://auth.example.org/token", SERVICE))


@cache
def good() -> list[str]:
    return list(hostile.good().values())


async def sent(guarded: Client, method: str, path: str, text: str) -> Answer:
    """As bytes, whatever letters are in it."""
    as_bytes = text.encode("utf-8", "surrogatepass").decode("latin-1")
    return await guarded(method, path, b"", bearer(as_bytes))


async def believed(guarded: Client, family: Family) -> dict[str, str]:
    """What was not refused as it should; in between good tokens are."""
    wrong: dict[str, str] = {}
    for number, (name, text) in enumerate(family()):
        for method, path in (("GET", TAG), ("DELETE", TAG), ("GET", "/v2/")):
            answer = await sent(guarded, method, path, text)
            refused = answer.status == 401 and 'error="invalid_token"' in answer.headers["www-authenticate"]
            if not refused and not (answer.status == 431 and len(text) > 16_000):
                wrong[name] = f"{method} {path}: {answer.status} {answer.body!r}"
        if (answer := await sent(guarded, "GET", TAG, good()[number % len(good())])).status != 200:
            wrong[f"a good one after {name}"] = f"{answer.status} {answer.body!r}"
    return wrong


@pytest.mark.parametrize("family", INJECTED)
async def test_a_key_that_the_token_brings_or_names_is_never_used(family: Family, guarded: Client) -> None:
    """CVE-2025-24976: the reference took the key of the header `jwk` if its `kid` was a trusted one."""
    assert not await believed(guarded, family)


@pytest.mark.parametrize("family", CONFUSED)
async def test_the_algorithm_is_an_allowed_one_that_fits_the_key(family: Family, guarded: Client) -> None:
    """CVE-2022-29217 and its kind: a public key as the secret of HS256, or no signature at all."""
    assert not await believed(guarded, family)


@pytest.mark.parametrize("family", families())
async def test_every_other_false_token_is_refused(family: Family, guarded: Client) -> None:
    """CVE-2025-30204: two million dots were two million parts; GHSA-95c3-6vvw-4mrq: one audience for several registries; and
    chains, forms, times, claims and signatures that are not what they should be."""
    assert not await believed(guarded, family)


async def test_a_name_or_action_that_is_nearly_right_gives_nothing(guarded: Client) -> None:
    """Wildcards, prefixes, upper case, other classes: a token is for exactly what it names."""
    for name, text in hostileclaims.insufficient():
        for method in ("GET", "HEAD"):
            answer = await sent(guarded, method, TAG, text)
            assert answer.status == 401, (name, method)
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"], name
        assert (await sent(guarded, "GET", "/v2/", text)).status == 200, f"{name}: the token itself is right"
