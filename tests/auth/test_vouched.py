"""Users that are in no password file, because another way to sign in vouches for them, and their tokens of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from moorage.auth.base import Access, Credentials, Grant, Offer, TokenExpired
from moorage.auth.issued import IssuedTokens
from moorage.auth.issuer import Issuer
from moorage.auth.stamps import Stamps
from moorage.drivers.inmemory import InMemoryDriver
from tests.auth.deployment import LOOK, NAME, NOW, PULL, REALM, deployment, of, opened, part, rules
from tests.auth.hashing import Clock

RULES = rules(("ci/**", "@ci", "push"))
SCOPE = "repository:ci/app:pull"


class Vouched:
    """Another way to sign in, whose users are in no password file."""

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        return Grant("job", frozenset({"ci"}))

    async def close(self) -> None:
        return None


async def test_a_user_without_a_stamp_keeps_the_groups_that_he_brought(tmp_path: Path) -> None:
    made = await deployment(tmp_path, RULES)
    issuer = Issuer(Vouched(), made.mint, made.refresh_tokens, service=NAME, rules=RULES)
    answer = await issuer.get(
        Credentials("Bearer x"), service=NAME, scopes=[SCOPE], account=None, offline=True
    )
    token = answer["token"]
    assert "refresh_token" not in answer
    assert part(token, 1)["groups"] == ["ci"]
    assert await made.answers(token, [of("pull", "ci/app")]) == "granted"
    made.write(job="j")
    await asyncio.sleep(LOOK)
    assert await made.answers(token, [of("pull", "ci/app")]) == "Challenge invalid_token"


async def test_a_user_may_have_another_name_than_he_signs_in_with(tmp_path: Path) -> None:
    made = await deployment(tmp_path, RULES)
    issuer = Issuer(Vouched(), made.mint, made.refresh_tokens, service=NAME, rules=RULES)
    form = {"grant_type": "password", "username": "alice", "password": "x", "access_type": "offline"}
    answer = await issuer.post(form | {"scope": SCOPE}, Credentials())
    assert "refresh_token" not in answer
    assert await made.answers(answer["access_token"], [of("pull", "ci/app")]) == "granted"


async def test_the_inner_controllers_expired_token_stays_one_with_the_offer_of_ours(tmp_path: Path) -> None:
    class Expired(Vouched):
        async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
            raise TokenExpired(wanted, [Offer("Basic", "x")], Grant("job"), 1, 2)

    keys = await opened(InMemoryDriver(), Clock(NOW))
    registry = IssuedTokens(
        Expired(), keys, issuer=NAME, service=NAME, realm=REALM, stamps=Stamps(), rules=RULES
    )
    with pytest.raises(TokenExpired) as caught:
        await registry.authorize(Credentials("Other x"), PULL)
    assert caught.value.offers == (Offer("Bearer", REALM, NAME),)
    assert (caught.value.grant.user, caught.value.start, caught.value.end) == ("job", 1, 2)
