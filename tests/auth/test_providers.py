"""Providers that others are near, that change their keys, and that do not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from moorage.auth.base import Challenge, Credentials, Unreachable
from moorage.auth.discovery import ProviderKeys
from moorage.auth.idtokens import verifier
from moorage.auth.mapping import ClaimMapping
from moorage.auth.oidc import OpenIdAccess
from moorage.auth.remotekeys import PAUSE_SECONDS, STALE_SECONDS
from moorage.auth.token import TokenAccess
from moorage.auth.verification import Verifier
from tests.auth import provider as providers
from tests.auth.openid import JOB, PUSH, Clock, access, answer, basic, bearer, refusal
from tests.auth.provider import AUDIENCE, Provider, hanging
from tests.auth.tokens import GONE, NOW, ec_key, rsa_key


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providers.running() as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_user_by_any_name_is_no_other_providers(provider: Provider) -> None:
    with providers.running() as other:
        async with access(provider) as first, access(other, userprefix="other:") as second:
            # One name for both keys, as it happens.
            other.keys = {"first": ec_key(5)}
            assert await answer(first, bearer(provider.token())) == JOB
            assert await answer(second, bearer(other.token())) == f"other:{JOB}"
            assert "signature is false" in await refusal(first, other.token())
            assert "signature is false" in await refusal(second, provider.token())
            assert "signature is false" in await refusal(first, other.token(iss=provider.issuer))
            assert "another issuer" in await refusal(first, provider.token(iss=other.issuer))
            for text in (other.token(header={"kid": "nobody"}), other.token(header={"kid": GONE})):
                await refusal(first, text)


async def test_tenants_on_one_host_with_one_set_of_keys_are_told_apart() -> None:
    with providers.running("/tenants/acme") as acme, providers.running("/tenants/mallory") as mallory:
        mallory.keys = acme.keys
        async with access(acme) as made:
            assert await answer(made, bearer(acme.token())) == JOB
            assert "another issuer" in await refusal(made, mallory.token())


async def test_a_token_of_the_built_in_kind_and_an_id_token_are_never_taken_for_each_other(
    provider: Provider,
) -> None:
    """Even if one service signs both with one key, for one audience, as some do."""
    given = [{"type": "repository", "name": "team/app", "actions": ["pull", "push"]}]
    keys = ProviderKeys(provider.issuer, "key")
    registry = TokenAccess(
        Verifier(provider.issuer, AUDIENCE, (), keys, clock=lambda: NOW),
        "https://auth.example/token",
        AUDIENCE,
    )
    async with access(provider) as made:
        registrys, job = provider.token(access=given), provider.token()
        assert (await registry.authorize(bearer(registrys), PUSH)).user == JOB
        assert "a token of a registry" in await refusal(made, registrys)
        assert await answer(made, bearer(job)) == JOB
        with pytest.raises(Challenge) as caught:
            await registry.authorize(bearer(job), PUSH)
        assert caught.value.offers[0].error == "insufficient_scope"
    elsewhere = TokenAccess(
        Verifier("auth.example.org", AUDIENCE, (), keys, clock=lambda: NOW),
        "https://auth.example/token",
        AUDIENCE,
    )
    with pytest.raises(Challenge, match="another issuer"):
        await elsewhere.authorize(bearer(job), ())
    await registry.close()


def rotating(provider: Provider, clock: Clock) -> OpenIdAccess:
    """With keys that are as old as the clock says."""
    keys = ProviderKeys(provider.issuer, "key", clock=clock)
    return OpenIdAccess(verifier(provider.issuer, AUDIENCE, ClaimMapping(), keys, clock=lambda: NOW))


async def test_new_keys_of_the_provider_count_when_a_token_needs_them_and_old_ones_no_longer(
    provider: Provider, clock: Clock
) -> None:
    made = rotating(provider, clock)
    before = provider.token()
    assert await answer(made, bearer(before)) == JOB
    provider.keys["second"] = rsa_key()
    clock.now += PAUSE_SECONDS
    assert await answer(made, bearer(provider.token())) == JOB
    assert await answer(made, bearer(before)) == JOB, "both are there"
    del provider.keys["first"]
    clock.now += STALE_SECONDS + 1
    assert await answer(made, bearer(provider.token())) == JOB
    assert "no trusted key" in await refusal(made, before)
    await made.close()


@pytest.mark.usefixtures("patient")
async def test_while_the_provider_is_down_known_keys_count_and_without_any_nobody_is_let_in(
    provider: Provider, clock: Clock
) -> None:
    knowing, fresh = rotating(provider, clock), rotating(provider, clock)
    assert await answer(knowing, bearer(provider.token())) == JOB
    provider.stop()
    clock.now += STALE_SECONDS + 1
    assert await answer(knowing, bearer(provider.token(jti="another"))) == JOB
    for credentials in (bearer(provider.token()), basic(provider.token()), bearer("a.b.c")):
        with pytest.raises(Unreachable):
            await fresh.authorize(credentials, ())
    with pytest.raises(Challenge):
        await fresh.authorize(Credentials(), ())
    provider.start()
    clock.now += PAUSE_SECONDS
    assert await answer(fresh, bearer(provider.token())) == JOB
    await knowing.close()
    await fresh.close()


async def test_while_the_provider_is_silent_requests_are_refused_in_time(
    provider: Provider, clock: Clock
) -> None:
    provider.answers[providers.DOCUMENT] = hanging
    # Long enough for the question to arrive.
    keys = ProviderKeys(provider.issuer, "key", patience=2)
    made = OpenIdAccess(verifier(provider.issuer, AUDIENCE, ClaimMapping(), keys, clock=clock))
    tokens = [provider.token(jti=str(number)) for number in range(20)]
    found = await asyncio.gather(
        *(made.authorize(bearer(token), PUSH) for token in tokens), return_exceptions=True
    )
    assert {type(one) for one in found} == {Unreachable}
    assert len(provider.asked) == 1
    await made.close()
