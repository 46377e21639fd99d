from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.auth.base import (
    CATALOG,
    LIST,
    Access,
    AccessRefused,
    Challenge,
    Credentials,
    Denied,
    Grant,
    Offer,
    TokenExpired,
)
from moorage.auth.groups import Groups
from moorage.auth.issuer import Issuer
from moorage.auth.signingkey import SigningKey
from moorage.auth.verification import LEEWAY_SECONDS
from moorage.drivers.inmemory import InMemoryDriver
from moorage.store.layout import TOKEN_KEYS
from tests.auth.deployment import (
    DAY,
    DELETE,
    LOOK,
    NAME,
    NOW,
    PULL,
    PUSH,
    REALM,
    Deployment,
    deployment,
    of,
    part,
    rules,
)
from tests.auth.hashing import Clock, header

RULES = rules(
    ("public/**", "anonymous", "pull"),
    ("team/**", "alice", "push delete"),
    ("team/**", "bob", "pull"),
    ("**", "alice", "catalog"),
)
PUBLIC = [of("pull", "public/app")]
ALL = "repository:team/app:pull,push,delete"


@pytest.fixture
async def ruled(tmp_path: Path) -> AsyncIterator[Deployment]:
    made = await deployment(tmp_path, RULES)
    yield made
    await made.registry.close()


@pytest.mark.parametrize(
    ("user", "scope", "wanted", "expected"),
    [
        ("alice", ALL, [], "granted"),
        ("alice", ALL, PUSH, "granted"),
        ("alice", ALL, DELETE, "granted"),
        ("alice", "repository:team/app:*", DELETE, "granted"),
        ("alice", "repository:team/app:pull", PUSH, "Challenge insufficient_scope"),
        ("alice", "", PULL, "Challenge insufficient_scope"),
        ("alice", "repository:team/other:pull", PULL, "Challenge insufficient_scope"),
        ("alice", "repository:team/ap:pull", PULL, "Challenge insufficient_scope"),
        ("alice", ALL, [of("pull", "other/app")], "Denied"),
        ("alice", "registry:catalog:*", [CATALOG], "granted"),
        ("alice", ALL, [CATALOG], "Challenge insufficient_scope"),
        ("alice", "registry:catalog:*", PULL, "Challenge insufficient_scope"),
        ("bob", "", [], "granted"),
        ("bob", ALL, PULL, "granted"),
        ("bob", ALL, PUSH, "Denied"),
        ("bob", "registry:catalog:*", [CATALOG], "Denied"),
        ("", "", [], "granted"),
        ("", "repository:public/app:pull", PUBLIC, "granted"),
        ("", "", PUBLIC, "Challenge insufficient_scope"),
        ("", ALL, PULL, "Challenge insufficient_scope"),
        ("", "registry:catalog:*", [CATALOG], "Challenge insufficient_scope"),
    ],
)
async def test_a_token_allows_what_is_in_it_and_what_the_rules_allow(
    ruled: Deployment, user: str, scope: str, wanted: list[Access], expected: str
) -> None:
    assert await ruled.answers(await ruled.token(user, scope), wanted) == expected


async def test_a_challenge_names_all_that_is_wanted_and_where_tokens_are_to_be_had(ruled: Deployment) -> None:
    token = await ruled.token("alice", "repository:team/app:pull")
    with pytest.raises(Challenge) as caught:
        await ruled.authorize(token, PUSH)
    assert caught.value.wanted == tuple(PUSH)
    assert caught.value.offers == (Offer("Bearer", REALM, NAME, "insufficient_scope"),)


async def test_a_denial_names_what_is_missing(ruled: Deployment) -> None:
    with pytest.raises(Denied, match=r"'bob'.*push on repository team/app") as caught:
        await ruled.authorize(await ruled.token("bob", ALL), PUSH)
    assert caught.value.wanted == (of("push"),)


async def test_a_token_of_one_replica_is_good_at_another(tmp_path: Path) -> None:
    driver, clock = InMemoryDriver(), Clock(NOW)
    one, other = [await deployment(tmp_path, RULES, driver=driver, clock=clock) for _ in range(2)]
    assert await other.answers(await one.token("alice", ALL), PUSH) == "granted"
    refreshing = str((await one.get("alice", offline=True))["refresh_token"])
    assert await other.refresh(refreshing) == "granted"


async def test_without_credentials_a_token_is_offered_and_what_is_public_is_open(ruled: Deployment) -> None:
    """And nothing but a token: Docker fails when it is asked for a password beside that."""
    for wanted in ([], PULL, PUSH, [CATALOG]):
        with pytest.raises(Challenge) as caught:
            await ruled.registry.authorize(Credentials(), wanted)
        assert caught.value.wanted == tuple(wanted)
        assert caught.value.offers == (Offer("Bearer", REALM, NAME),)
    grant = await ruled.registry.authorize(Credentials(), PUBLIC)
    assert grant.user == ""


@pytest.mark.parametrize(
    ("authorization", "wanted", "expected"),
    [
        (header("alice", "a"), [], "granted"),
        (header("alice", "a"), PUSH, "granted"),
        (header("bob", "b"), PUSH, "Denied"),
        (header("bob", "wrong"), PULL, "Challenge"),
        (header("bob", "wrong"), PUBLIC, "Challenge"),
        ("Digest x", PUBLIC, "Challenge"),
        ("Bearer", PUBLIC, "Challenge"),
        ("bearer x", PUBLIC, "Challenge"),
    ],
)
async def test_a_password_does_as_well_and_gives_the_same_rights(
    ruled: Deployment, authorization: str, wanted: list[Access], expected: str
) -> None:
    try:
        await ruled.registry.authorize(Credentials(authorization), wanted)
        answer = "granted"
    except AccessRefused as refused:
        answer = type(refused).__name__
        offers = getattr(refused, "offers", ())
        assert [(offer.scheme, offer.realm) for offer in offers] == [("Bearer", REALM)] * (
            answer == "Challenge"
        )
    assert answer == expected


async def test_a_grant_allows_later_what_the_token_holds_and_the_rules_allow(ruled: Deployment) -> None:
    grant = await ruled.authorize(await ruled.token("alice", ALL, "repository:team/base:pull"), PUSH)
    assert grant.user == "alice"
    assert not grant.unlimited
    assert grant.allows(of("pull", "team/base"))
    assert not grant.allows(of("push", "team/base"))
    assert not grant.allows(of("pull", "team/secret"))
    assert not grant.allows(of("pull", "public/app"))


async def test_a_catalog_shows_what_may_be_pulled_though_its_token_names_no_repository(
    ruled: Deployment,
) -> None:
    grant = await ruled.authorize(await ruled.token("alice", "registry:catalog:*"), [CATALOG])
    assert grant.allows(of(LIST, "team/app"))
    assert grant.allows(of(LIST, "public/app"))
    assert not grant.allows(of(LIST, "other/app"))
    assert not grant.allows(of("pull", "team/app"))


async def test_what_the_rules_do_not_allow_any_more_ends_at_once(tmp_path: Path) -> None:
    """Replicas whose configuration was changed, one after the other."""
    driver, clock = InMemoryDriver(), Clock(NOW)
    before = await deployment(tmp_path, RULES, driver=driver, clock=clock)
    token, anonymous = await before.token("alice", ALL), await before.token("", "repository:public/app:pull")
    after = await deployment(tmp_path, rules(("team/**", "alice", "pull")), driver=driver, clock=clock)
    assert await after.answers(token, PULL) == "granted"
    assert await after.answers(token, PUSH) == "Denied"
    assert await after.answers(anonymous, PUBLIC) == "Challenge insufficient_scope"
    without = await deployment(tmp_path, None, driver=driver, clock=clock)
    assert await without.answers(token, PUSH) == "granted"
    assert await without.answers(anonymous, PUBLIC) == "Challenge insufficient_scope"


async def test_whoever_leaves_a_group_loses_at_once_what_it_gave(tmp_path: Path) -> None:
    path = tmp_path / "groups"
    path.write_text("ops: bob\n")
    made = await deployment(tmp_path, rules(("**", "@ops", "push")), groups=Groups(str(path)).groups_of)
    token = await made.token("bob", ALL)
    assert await made.answers(token, PUSH) == "granted"
    path.write_text("ops: alice and others\n")
    await asyncio.sleep(LOOK)
    assert await made.answers(token, PUSH) == "Denied"


async def test_tokens_end_with_the_password_and_with_the_user(ruled: Deployment) -> None:
    alices, bobs = await ruled.token("alice", ALL), await ruled.token("bob", ALL)
    anonymous = await ruled.token("", "repository:public/app:pull")
    assert await ruled.answers(alices, PUSH) == await ruled.answers(bobs, PULL) == "granted"
    ruled.write(alice="another")
    await asyncio.sleep(LOOK)
    assert await ruled.answers(alices, PUSH) == "Challenge invalid_token"
    assert await ruled.answers(bobs, []) == "Challenge invalid_token"
    assert await ruled.answers(anonymous, PUBLIC) == "granted"
    ruled.clock.seconds += DAY
    assert await ruled.answers(alices, PUSH) == "Challenge invalid_token"


async def test_a_token_made_while_the_password_changed_is_worth_nothing(tmp_path: Path) -> None:
    """Else who knows the old password could try again and again, and hold a token of the new one in the end."""
    made = await deployment(tmp_path, RULES)

    class Changing:
        """The file changes when the password was found right, and before the token is made."""

        async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
            grant = await made.inner.authorize(credentials, wanted)
            # Of another length: the time may be that of the file before.
            made.write(alice="another", bob="b", carol="c")
            await asyncio.sleep(LOOK)
            return grant

        async def close(self) -> None:
            return None

    issuer = Issuer(Changing(), made.mint, made.refresh_tokens, service=NAME, rules=RULES)
    form = {
        "grant_type": "password",
        "username": "alice",
        "password": "a",
        "scope": ALL,
        "access_type": "offline",
    }
    answer = await issuer.post(form, Credentials())
    assert await made.answers(answer["access_token"], []) == "Challenge invalid_token"
    assert await made.refresh(answer["refresh_token"]) == "invalid_grant"


async def test_an_expired_token_tells_what_it_gave_and_when(ruled: Deployment) -> None:
    token = await ruled.token("alice", "repository:team/app:pull,push")
    ruled.clock.seconds += 300 + LEEWAY_SECONDS + 1
    with pytest.raises(TokenExpired) as caught:
        await ruled.authorize(token, PUSH)
    expired = caught.value
    assert expired.start <= NOW <= NOW + 300 <= expired.end < ruled.clock()
    assert expired.offers == (Offer("Bearer", REALM, NAME, "invalid_token"),)
    assert expired.wanted == tuple(PUSH)
    assert expired.grant.user == "alice"
    assert expired.grant.allows(of("push"))
    assert not expired.grant.allows(of("delete"))


async def test_an_expired_token_gave_no_more_than_the_rules_of_now(tmp_path: Path) -> None:
    driver, clock = InMemoryDriver(), Clock(NOW)
    token = await (await deployment(tmp_path, RULES, driver=driver, clock=clock)).token("alice", ALL)
    clock.seconds += 1000
    after = await deployment(tmp_path, rules(("team/**", "alice", "pull")), driver=driver, clock=clock)
    with pytest.raises(TokenExpired) as caught:
        await after.authorize(token, PUSH)
    assert caught.value.grant.allows(of("pull"))
    assert not caught.value.grant.allows(of("push"))


@pytest.mark.parametrize("changes", [{"service": "other.example.org"}, {"issuer": "other"}], ids=str)
async def test_tokens_for_another_service_or_of_another_issuer_are_refused(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    here = await deployment(tmp_path, RULES)
    there = Deployment(here.keys, tmp_path, here.clock, RULES, **changes)
    assert await there.answers(await here.token("alice", ALL), []) == "Challenge invalid_token"


async def test_tokens_of_a_deployment_with_another_storage_are_refused(tmp_path: Path) -> None:
    here, there = await deployment(tmp_path, RULES), await deployment(tmp_path, RULES)
    assert await there.answers(await here.token("alice", ALL), []) == "Challenge invalid_token"


async def test_a_token_whose_key_was_removed_is_refused_though_it_was_good_before(tmp_path: Path) -> None:
    driver = InMemoryDriver()
    made = await deployment(tmp_path, RULES, driver=driver)
    token = await made.token("alice", ALL)
    assert await made.answers(token, PUSH) == "granted"
    await driver.delete(TOKEN_KEYS)
    await made.keys.newer()
    assert await made.answers(token, PUSH) == "Challenge invalid_token"
    assert await made.answers(await made.token("alice", ALL), PUSH) == "granted"


async def test_tokens_that_somebody_else_signed_are_refused_whatever_their_header_says(
    ruled: Deployment,
) -> None:
    token = await ruled.token("alice", ALL)
    ours, claims, signature = token.split(".")
    stranger = SigningKey.new(int(NOW))
    theirs, _, forged = stranger.sign(decoded(claims)).split(".")
    public = json.loads(stranger.content())
    del public["d"]
    headers = [ours, theirs]
    for changes in (
        {"kid": stranger.id, "jwk": public},
        {"jwk": public},
        {"alg": "none"},
        {"kid": "../../secret"},
    ):
        headers.append(encoded({**part(token, 0), **changes}))
    for head in headers:
        assert await ruled.answers(f"{head}.{claims}.{forged}", []) == "Challenge invalid_token"
        assert await ruled.answers(f"{head}.{claims}.", []) == "Challenge invalid_token"
    more = encoded({**part(token, 1), "sub": "bob"})
    assert await ruled.answers(f"{ours}.{more}.{signature}", []) == "Challenge invalid_token"


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(members: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


ACCESSES = st.lists(
    st.builds(
        of, st.sampled_from(["pull", "push", "delete"]), st.sampled_from(["team/app", "public/app", "x"])
    )
    | st.just(CATALOG),
    max_size=4,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(["alice", "bob", ""]), ACCESSES, ACCESSES)
def test_nothing_is_allowed_that_was_not_asked_for_or_is_not_allowed(
    tmp_path_factory: pytest.TempPathFactory, user: str, asked: list[Access], wanted: list[Access]
) -> None:
    async def scenario() -> tuple[str, bool]:
        made = await deployment(tmp_path_factory.getbasetemp(), RULES)
        token = await made.token(user, *(f"{one.kind}:{one.name}:{one.action}" for one in asked))
        allowed = all(RULES.allows(user, frozenset(), one) for one in wanted)
        found = await made.answers(token, wanted)
        await made.registry.close()
        return found, allowed

    answer, allowed = asyncio.run(scenario())
    assert (answer == "granted") == (allowed and set(wanted) <= set(asked))
    assert (answer == "Denied") == (not allowed and user != "")
