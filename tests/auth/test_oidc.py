"""ID tokens of a provider that is asked for its keys: who gets in by them, as whom, and who never does."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.auth.base import (
    Challenge,
    Credentials,
    Grant,
    TokenExpired,
)
from moorage.auth.idtokens import verifier
from moorage.auth.keys import TrustedKeys, trusted
from moorage.auth.mapping import ClaimMapping
from moorage.auth.oidc import OpenIdAccess
from tests.auth import provider as providers
from tests.auth.keystore import FixedKeys, trusting
from tests.auth.openid import BASIC, BEARER, JOB, PUSH, Clock, access, answer, basic, bearer, refusal
from tests.auth.provider import AUDIENCE, Provider, answering
from tests.auth.tokens import (
    GONE,
    NOW,
    Private,
    certificate,
    compact,
    ec_key,
    ed_key,
    jwk,
    public_pem,
    rsa_key,
    x5c,
)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providers.running() as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_job_gets_in_by_its_token_as_a_password_or_as_it_is(provider: Provider) -> None:
    async with access(provider) as made:
        token = provider.token()
        for credentials in (
            basic(token),
            basic(token, "somebody-else"),
            bearer(token),
            Credentials(f"bEaReR {token}"),
        ):
            grant = await made.authorize(credentials, PUSH)
            assert grant == Grant(JOB)
            assert grant.unlimited, "the rules say what it may do, not the token"
            assert await made.authorize(credentials, ()) == grant


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa_key(), "RS256"), (rsa_key(), "RS384"), (rsa_key(), "RS512"), (rsa_key(), "PS256"), (rsa_key(), "PS384"),
        (rsa_key(), "PS512"), (ec_key(), "ES256"), (ed_key(), "EdDSA"),
    ],
)  # fmt: skip
async def test_tokens_of_each_algorithm_with_a_public_key_are_known(
    provider: Provider, key: Private, algorithm: str
) -> None:
    provider.keys = {"one": key}
    text = compact({"alg": algorithm, "kid": "one"}, provider.claims(), key, algorithm)
    async with access(provider) as made:
        assert await answer(made, bearer(text)) == JOB
    async with access(provider, signingalgorithms=["ES512"]) as made:
        assert "algorithm is not one of those" in await refusal(made, text)


async def test_no_secret_makes_a_token_even_if_the_provider_publishes_it(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    secret = b"s" * 64
    keys = {"keys": [jwk(ec_key(), kid="first"), jwk(secret, kid="secret")]}
    provider.answers[providers.KEYS] = answering(keys)
    async with access(provider) as made:
        assert await answer(made, bearer(provider.token())) == JOB
        for known in (secret, public_pem(ec_key()), public_pem(ec_key()).strip()):
            for kid in ("first", "secret"):
                text = compact({"alg": "HS256", "kid": kid}, provider.claims(), known, "HS256")
                assert "algorithm is not one of those" in await refusal(made, text)
    assert "a key is not trusted" in caplog.text


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic", "Basic ", "Basic !", "Basic Og==", "Basic YTo=", "Basic YTpi", "Negotiate abc", "Token abc", "abc", " "],
)  # fmt: skip
async def test_without_a_token_one_is_asked_for_as_a_password(provider: Provider, authorization: str) -> None:
    async with access(provider) as made:
        for wanted in ((), PUSH):
            with pytest.raises(Challenge) as caught:
                await made.authorize(Credentials(authorization), wanted)
            assert caught.value.offers == (BASIC,)
            assert caught.value.wanted == tuple(wanted)


async def test_the_realm_is_no_address_that_a_client_could_show_passwords_to() -> None:
    assert "/" not in BASIC.realm + BEARER.realm


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://other.example"}, "another issuer"),
    "an issuer with a slash more": ({"iss": "SELF/"}, "another issuer"),
    "no issuer": ({"iss": GONE}, "another issuer"),
    "another registry": ({"aud": "other.example.org"}, "another audience"),
    "several others": ({"aud": ["a.example", "b.example"]}, "another audience"),
    "a part of the audience": ({"aud": AUDIENCE[:-1]}, "another audience"),
    "more than the audience": ({"aud": AUDIENCE + ".attacker.example"}, "another audience"),
    "the audience as a URL": ({"aud": f"https://{AUDIENCE}"}, "another audience"),
    "the audience in capitals": ({"aud": AUDIENCE.upper()}, "another audience"),
    "the audience in a sentence": ({"aud": f"a {AUDIENCE}"}, "another audience"),
    "the audience as the client": ({"aud": "other.example.org", "azp": AUDIENCE}, "another audience"),
    "no audience": ({"aud": GONE}, "aud is neither"),
    "an empty audience": ({"aud": []}, "another audience"),
    "an object as the audience": ({"aud": {AUDIENCE: True}}, "aud is neither"),
    "no end": ({"exp": GONE}, "no exp"),
    "an end in words": ({"exp": str(int(NOW) + 300)}, "exp is no number"),
    "an end in milliseconds": ({"exp": (NOW + 300) * 1000}, "exp is no time"),
    "a later beginning": ({"nbf": NOW + 61}, "begins later"),
    "a later issue": ({"iat": NOW + 61}, "begins later"),
    "nobody": ({"sub": GONE}, "is no text"),
    "an empty name": ({"sub": ""}, "is no text"),
    "a number for a name": ({"sub": 1}, "is no text"),
    "a name that cannot be printed": ({"sub": "ada\nroot"}, "not printable"),
    "a name without end": ({"sub": "a" * 256}, "too long"),
    "a token of a registry": (
        {"access": [{"type": "repository", "name": "team/app", "actions": ["pull"]}]},
        "no ID token but a token of a registry",
    ),
    "a token of a registry that gives nothing": ({"access": None}, "no ID token but a token of a registry"),
    "a message of the provider": (
        {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
        "no ID token but a message",
    ),
    "a token bound to a key": ({"cnf": {"jkt": "x"}}, "no ID token but bound to a key"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_token_of_the_provider_that_is_for_something_else_is_refused(
    provider: Provider, name: str
) -> None:
    changes, reason = WRONG[name]
    if changes.get("iss") == "SELF/":
        changes = {"iss": provider.issuer + "/"}
    async with access(provider) as made:
        assert reason in await refusal(made, provider.token(**changes))
        assert await answer(made, bearer(provider.token())) == JOB, "a good one still gets in"


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["other.example.org", AUDIENCE]])
async def test_the_audience_must_be_there_and_may_be_among_others(provider: Provider, audience: Any) -> None:
    async with access(provider) as made:
        assert await answer(made, bearer(provider.token(aud=audience, azp="somebody"))) == JOB


@pytest.mark.parametrize(
    ("changes", "who"),
    [
        ({"nbf": NOW + 60, "iat": NOW + 60}, JOB),
        ({"nbf": NOW + 60.5}, "Challenge"),
        ({"exp": NOW - 60, "iat": NOW - 100}, JOB),
        ({"exp": NOW - 60.5, "iat": NOW - 100}, "TokenExpired"),
        ({"nbf": GONE, "iat": GONE}, JOB),
        ({"nbf": GONE, "iat": GONE, "exp": NOW - 61}, "TokenExpired"),
    ],
)
async def test_clocks_may_differ_by_a_minute(provider: Provider, changes: dict[str, Any], who: str) -> None:
    async with access(provider) as made:
        assert await answer(made, bearer(provider.token(**changes))) == who


async def test_an_expired_token_says_who_it_was_and_when_so_that_an_upload_can_end(
    provider: Provider, clock: Clock
) -> None:
    async with access(provider, clock, groupclaims=["repository_owner"]) as made:
        token = provider.token()
        assert await answer(made, basic(token)) == JOB
        clock.now += 361
        for credentials, offer in ((basic(token), BASIC), (bearer(token), BEARER)):
            with pytest.raises(TokenExpired) as caught:
                await made.authorize(credentials, PUSH)
            assert caught.value.grant == Grant(JOB, frozenset({"repository_owner:acme"}))
            assert (caught.value.start, caught.value.end) == (NOW - 10 - 60, NOW + 300 + 60)
            assert caught.value.offers == (offer,)
            assert caught.value.wanted == tuple(PUSH)


async def test_an_expired_token_that_is_wrong_otherwise_says_nothing(provider: Provider) -> None:
    over: dict[str, Any] = {"exp": NOW - 3600, "iat": NOW - 7200, "nbf": NOW - 7200}
    async with access(provider, required={"repository_owner": ["acme"]}) as made:
        assert await answer(made, bearer(provider.token(**over))) == "TokenExpired"
        for name in ("aud", "iss", "repository_owner", "sub"):
            await refusal(made, provider.token(**{**over, name: ""}))
        await refusal(made, provider.token(**over)[:-6] + "AAAAAA")


async def test_claims_make_the_user_and_the_groups_that_the_options_name(provider: Provider) -> None:
    options: dict[str, Any] = {
        "userclaim": "repository",
        "userprefix": "github:",
        "groupclaims": ["repository_owner", "realm_access.roles"],
        "required": {"repository_owner": ["acme"], "ref_protected": [True]},
    }
    async with access(provider, **options) as made:
        token = provider.token(realm_access={"roles": ["builder"]})
        assert await made.authorize(bearer(token), PUSH) == Grant(
            "github:acme/app", frozenset({"repository_owner:acme", "realm_access.roles:builder"})
        )
        for changes in (
            {"repository_owner": "mallory"}, {"repository_owner": GONE}, {"repository_owner": ["mallory"]},
            {"ref_protected": "false"}, {"ref_protected": GONE}, {"ref_protected": "True"},
        ):  # fmt: skip
            assert "required" in await refusal(made, provider.token(**changes))
        assert await answer(made, bearer(provider.token(ref_protected=True))) == "github:acme/app"


async def test_a_certificate_that_comes_with_a_token_vouches_for_nothing(provider: Provider) -> None:
    root = certificate("root", ec_key(), authority=True)
    leaf = certificate("leaf", ec_key(6), "root", ec_key())
    forged = compact({"alg": "ES256", "x5c": x5c(leaf, root)}, provider.claims(), ec_key(6), "ES256")
    async with access(provider) as made:
        assert "no trusted key made its signature" in await refusal(made, forged)


async def test_a_token_is_verified_once_while_the_keys_are_the_same(clock: Clock) -> None:
    class Counting(TrustedKeys):
        asked = 0

        def candidates(self, algorithm: str, kid: str | None) -> Any:
            self.asked += 1
            return super().candidates(algorithm, kid)

    keys = Counting([trusted(ec_key().public_key())])
    made = OpenIdAccess(verifier("https://a.example", AUDIENCE, ClaimMapping(), FixedKeys(keys), clock=clock))
    claims = Provider().claims(iss="https://a.example")
    token = compact({"alg": "ES256"}, claims, ec_key(), "ES256")
    for _ in range(10):
        assert await answer(made, basic(token)) == JOB
    assert keys.asked == 1
    clock.now += 361
    assert await answer(made, basic(token)) == "TokenExpired", "nothing is remembered beyond its end"


async def test_nothing_of_a_token_is_told_to_anybody(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    async with access(provider) as made:
        for token in (
            provider.token(sub="canary-user", aud="canary-audience"),
            provider.token(exp="canary-end"),
            provider.token(header={"kid": "canary-kid", "alg": "canary-alg"}),
            provider.token(iss="canary-issuer", exp=NOW - 999),
            "canary.canary.canary",
            "canary",
            "",
        ):
            for credentials in (bearer(token), basic(token, "canary-login")):
                told.append(repr(credentials))
                try:
                    await made.authorize(credentials, PUSH)
                except Challenge as error:
                    told += [str(error), repr(error), *map(repr, error.offers)]
        told += [repr(record.__dict__) for record in caplog.records if record.name.startswith("moorage")]
    shown = "\n".join(told)
    assert "canary" not in shown
    assert not re.search(r"eyJ[\w-]{10}", shown)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: f"Basic {base64.b64encode(raw).decode()}")
)
async def test_random_credentials_are_challenged(authorization: str) -> None:
    keys = FixedKeys(trusting(ec_key().public_key()))
    made = OpenIdAccess(verifier("https://a.example", AUDIENCE, ClaimMapping(), keys))
    for text in (authorization, f"Bearer {authorization}", f"Basic {authorization}"):
        with pytest.raises(Challenge):
            await made.authorize(Credentials(text), ())
