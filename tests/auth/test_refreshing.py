from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.auth.base import TokenRequestInvalid
from moorage.auth.refreshing import RefreshTokens
from moorage.auth.verification import LEEWAY_SECONDS, TokenRefused
from tests.auth.deployment import DAY, LOOK, NAME, Deployment, deployment, of, part, rules

RULES = rules(("team/**", "alice", "push"), ("team/**", "bob", "pull"))
TEAM = "repository:team/app:pull,push"


@pytest.fixture
async def ruled(tmp_path: Path) -> AsyncIterator[Deployment]:
    made = await deployment(tmp_path, RULES)
    yield made
    await made.registry.close()


async def refresh_token(made: Deployment, user: str = "alice") -> str:
    return str((await made.get(user, offline=True))["refresh_token"])


async def test_a_refresh_token_is_given_to_whom_asks_for_it_and_has_a_password_here(
    ruled: Deployment,
) -> None:
    assert "refresh_token" not in await ruled.get("alice", TEAM)
    assert "refresh_token" not in await ruled.get("", TEAM, offline=True)
    form = {"grant_type": "password", "username": "alice", "password": "a"}
    assert "refresh_token" not in await ruled.post(**form, access_type="online")
    assert "refresh_token" in await ruled.post(**form, access_type="offline")
    claims = part(await refresh_token(ruled), 1)
    assert (claims["sub"], claims["exp"] - claims["iat"]) == ("alice", 30 * DAY)
    assert "access" not in claims


async def test_a_user_that_somebody_else_vouches_for_gets_no_refresh_token(ruled: Deployment) -> None:
    assert ruled.refresh_tokens.issue("carol", ruled.mint.stamps.of("carol")) is None


async def test_a_refresh_token_without_a_stamp_is_refused_though_ours(ruled: Deployment) -> None:
    claims = {**part(await refresh_token(ruled), 1), "sub": "carol", "jti": "1."}
    assert await ruled.refresh(ruled.keys.sign(claims)) == "invalid_grant"


async def test_a_refresh_token_gives_access_tokens_of_its_user(ruled: Deployment) -> None:
    token = await refresh_token(ruled, "bob")
    answer = await ruled.post(grant_type="refresh_token", refresh_token=token, service=NAME, scope=TEAM)
    assert answer["scope"] == "repository:team/app:pull"
    assert part(answer["access_token"], 1)["sub"] == "bob"
    assert "refresh_token" not in answer
    answer = await ruled.post(grant_type="refresh_token", refresh_token=token, access_type="offline")
    assert answer["refresh_token"] == token


async def test_a_refresh_token_ends(ruled: Deployment) -> None:
    token = await refresh_token(ruled)
    ruled.clock.seconds += 30 * DAY
    assert await ruled.refresh(token) == "granted"
    ruled.clock.seconds += LEEWAY_SECONDS + 1
    assert await ruled.refresh(token) == "invalid_grant"


async def test_where_they_are_turned_off_none_is_given_out_and_none_of_before_is_taken(
    ruled: Deployment,
) -> None:
    token, stamps = await refresh_token(ruled), ruled.mint.stamps
    off = RefreshTokens(ruled.keys, issuer=NAME, service=NAME, stamps=stamps, seconds=0, clock=ruled.clock)
    on = RefreshTokens(ruled.keys, issuer=NAME, service=NAME, stamps=stamps, clock=ruled.clock)
    assert (await on.user_of(token))[0] == "alice"
    assert off.issue("alice", stamps.of("alice")) is None
    with pytest.raises(TokenRefused, match="there are no refresh tokens here"):
        await off.user_of(token)


async def test_access_tokens_and_refresh_tokens_are_never_taken_for_each_other(ruled: Deployment) -> None:
    assert await ruled.refresh(await ruled.token("alice", TEAM)) == "invalid_grant"
    assert await ruled.answers(await refresh_token(ruled), []) == "Challenge invalid_token"
    assert await ruled.answers(await refresh_token(ruled), [of("pull")]) == "Challenge invalid_token"


async def test_a_refresh_token_ends_with_its_password_and_with_its_user(ruled: Deployment) -> None:
    alices, bobs = await refresh_token(ruled, "alice"), await refresh_token(ruled, "bob")
    ruled.write(alice="a", bob="b", carol="c")
    await asyncio.sleep(LOOK)
    assert await ruled.refresh(alices) == await ruled.refresh(bobs) == "granted"
    ruled.write(alice="another")
    await asyncio.sleep(LOOK)
    assert await ruled.refresh(alices) == await ruled.refresh(bobs) == "invalid_grant"


@pytest.mark.parametrize(
    "changes", [{"service": "other.example.org"}, {"issuer": "other"}, {"driver": None}], ids=str
)
async def test_refresh_tokens_of_another_deployment_are_refused(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    here = await deployment(tmp_path, RULES)
    there = Deployment(here.keys, tmp_path, here.clock, RULES, **changes) if "driver" not in changes else None
    there = there or await deployment(tmp_path, RULES)
    token = await refresh_token(here)
    assert await here.refresh(token) == "granted"
    with pytest.raises(TokenRequestInvalid) as caught:
        await there.post(grant_type="refresh_token", refresh_token=token)
    assert caught.value.error == "invalid_grant"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_a_changed_token_is_worth_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    async def scenario() -> str:
        made = await deployment(tmp_path_factory.getbasetemp(), RULES)
        token = await refresh_token(made)
        at = data.draw(st.integers(0, len(token) - 1))
        other = data.draw(st.sampled_from("AZaz09-_. ").filter(lambda one: one != token[at]))
        found = await made.refresh(f"{token[:at]}{other}{token[at + 1 :]}")
        await made.registry.close()
        return found

    assert asyncio.run(scenario()) == "invalid_grant"
