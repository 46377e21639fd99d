"""What keeps hostile tokens of a registry out keeps hostile ID tokens out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import cache

import pytest

from moorage.auth.base import Access, Challenge, Credentials
from moorage.auth.idtokens import verifier
from moorage.auth.keyfiles import parse_public_jwks
from moorage.auth.mapping import ClaimMapping
from moorage.auth.oidc import OpenIdAccess
from tests.auth import hostile, hostileclaims, hostileforms
from tests.auth.keystore import FixedKeys
from tests.auth.tokens import (
    ISSUER,
    NOW,
    SERVICE,
    base64url,
    claims,
    ec_key,
    ed_key,
    jwk,
    jwks,
    rsa_key,
    sign,
)

PUSH = [Access("repository", "team/app", "push")]
ACCESS = json.dumps(claims()["access"])
FORGED: tuple[Callable[[], hostile.Hostile], ...] = (
    hostile.algorithms,
    hostile.confusion,
    hostile.injections,
    hostile.kids,
    hostileforms.headers,
    hostileforms.signatures,
    hostileforms.marked,
    hostileforms.rearranged,
    hostileforms.foreign,
    hostileforms.sizes,
)
UNTRUE: tuple[Callable[[], hostile.Hostile], ...] = (
    hostileclaims.times,
    hostileclaims.parties,
    hostileclaims.payloads,
)
PASSED_OVER = ("jti ", "groups ", "over, of a stranger", "over, signature", "over, kid")
"""What these claims are is no matter here: nothing is made of them. And what was wrong with a signature is gone."""


def keep_out(_: str) -> None:
    """The others are used."""


@cache
def controller() -> OpenIdAccess:
    """It trusts the same public keys as the registry that these tokens were made for."""
    public = [
        jwk(rsa_key(hostile.ROOT)),
        jwk(ec_key(hostile.ROOT)),
        jwk(ed_key(hostile.ROOT)),
        *json.loads(hostile.key_set())["keys"],
    ]
    keys = FixedKeys(parse_public_jwks(jwks(*public), keep_out))
    return OpenIdAccess(verifier(ISSUER, SERVICE, ClaimMapping(), keys, clock=lambda: NOW))


async def refusal(text: str) -> str:
    with pytest.raises(Challenge) as caught:
        await controller().authorize(Credentials(f"Bearer {text}"), PUSH)
    assert type(caught.value) is Challenge, "an expired token was right"
    return str(caught.value)


def signed_again(text: str) -> str:
    """The same without `access`, by which tokens of a registry are told from ID tokens."""
    head, payload, _ = text.split(".")
    raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    without = raw.replace(f', "access": {ACCESS}'.encode(), b"")
    statement = f"{head}.{base64url(without)}"
    return f"{statement}.{base64url(sign(rsa_key(hostile.ROOT), 'RS256', statement.encode()))}"


@pytest.mark.parametrize("kind", ["no kid", "thumbprint", "P-384", "PS256"])
async def test_what_is_right_but_for_its_kind_gets_so_far(kind: str) -> None:
    assert "a token of a registry" in await refusal(hostile.good()[kind])


async def test_what_is_right_gets_in() -> None:
    text = signed_again(hostile.good()["no kid"])
    assert (await controller().authorize(Credentials(f"Bearer {text}"), PUSH)).user == "ada"


@pytest.mark.parametrize("family", FORGED)
async def test_forged_tokens_are_refused_before_they_are_read(family: Callable[[], hostile.Hostile]) -> None:
    for name, text in family():
        assert "a token of a registry" not in await refusal(text), name


@pytest.mark.parametrize("family", UNTRUE)
async def test_tokens_that_say_what_must_not_be_are_refused(family: Callable[[], hostile.Hostile]) -> None:
    for name, text in family():
        if not name.startswith(PASSED_OVER):
            assert "signature" not in await refusal(signed_again(text)), name
