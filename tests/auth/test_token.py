"""What is answered to whom: a challenge that tells how to come again, or a grant."""

from __future__ import annotations

import pytest

from moorage.auth.base import CATALOG, Access, Challenge, Credentials, Offer, TokenExpired, Unreachable
from moorage.auth.keys import TrustedKeys
from moorage.auth.token import TokenAccess
from moorage.auth.verification import Verifier
from tests.auth.keystore import FixedKeys, trusting
from tests.auth.tokens import ISSUER, NOW, SERVICE, ed_key, token

REALM = "https://auth.example.org/token"
PULL, PUSH, DELETE = (Access("repository", "team/app", action) for action in ("pull", "push", "delete"))


def controller() -> TokenAccess:
    keys = FixedKeys(trusting(ed_key().public_key()))
    verifier = Verifier(ISSUER, SERVICE, (), keys, clock=lambda: NOW)
    return TokenAccess(verifier, REALM, SERVICE)


def entry(*actions: str, name: str = "team/app", kind: str = "repository") -> dict[str, object]:
    return {"type": kind, "name": name, "actions": list(actions)}


def bearing(text: str) -> Credentials:
    return Credentials(f"Bearer {text}")


@pytest.mark.parametrize(
    "authorization", ["", "Basic YWRhOnNlY3JldA==", "Bearer", "Bearer ", "bearer", "Token x", "Bearer\tx", " Bearer x", "BearerX y"]
)  # fmt: skip
async def test_without_a_token_the_challenge_tells_where_to_get_one(authorization: str) -> None:
    for wanted in ((), (PULL,), (PULL, PUSH), (CATALOG,)):
        with pytest.raises(Challenge) as caught:
            await controller().authorize(Credentials(authorization), wanted)
        assert type(caught.value) is Challenge
        assert caught.value.wanted == wanted
        assert caught.value.offers == (Offer("Bearer", REALM, SERVICE),)


async def test_a_path_stays_a_path_in_the_challenge() -> None:
    verifier = Verifier(ISSUER, SERVICE, (), FixedKeys(TrustedKeys(())))
    with pytest.raises(Challenge) as caught:
        await TokenAccess(verifier, "/auth/token", SERVICE).authorize(Credentials(), (PULL,))
    assert caught.value.offers == (Offer("Bearer", "/auth/token", SERVICE),)


async def test_a_false_token_is_called_invalid() -> None:
    with pytest.raises(Challenge) as caught:
        await controller().authorize(bearing(token(ed_key(1))), (PULL, PUSH))
    assert type(caught.value) is Challenge
    assert caught.value.wanted == (PULL, PUSH)
    assert caught.value.offers == (Offer("Bearer", REALM, SERVICE, "invalid_token"),)


async def test_a_token_that_gives_a_part_is_called_insufficient_and_all_that_is_wanted_is_asked_for() -> None:
    for actions in (["pull"], ["push"], []):
        with pytest.raises(Challenge) as caught:
            await controller().authorize(bearing(token(ed_key(), access=[entry(*actions)])), (PULL, PUSH))
        assert caught.value.wanted == (PULL, PUSH)
        assert caught.value.offers == (Offer("Bearer", REALM, SERVICE, "insufficient_scope"),)


async def test_a_right_token_grants_what_it_says() -> None:
    text = token(ed_key(), groups=["ops"], access=[entry("pull", "push"), entry("pull", name="team/base")])
    for scheme in ("Bearer", "bearer", "BEARER"):
        grant = await controller().authorize(Credentials(f"{scheme} {text}"), (PULL, PUSH))
        assert (grant.user, grant.groups) == ("ada", frozenset({"ops"}))
        assert grant.allows(PULL)
        assert grant.allows(Access("repository", "team/base", "pull"))
        assert not grant.allows(Access("repository", "team/base", "push"))
        assert not grant.allows(DELETE)
        assert not grant.allows(CATALOG)
        assert not grant.unlimited


async def test_entries_for_one_name_add_up_and_a_star_is_every_action() -> None:
    await controller().authorize(
        bearing(token(ed_key(), access=[entry("pull"), entry("push")])), (PULL, PUSH)
    )
    for actions in (["delete"], ["*"], ["pull", "*"]):
        await controller().authorize(bearing(token(ed_key(), access=[entry(*actions)])), (DELETE,))
    catalog = entry("*", name="catalog", kind="registry")
    await controller().authorize(bearing(token(ed_key(), access=[catalog])), (CATALOG,))
    with pytest.raises(Challenge):
        await controller().authorize(
            bearing(token(ed_key(), access=[entry("*", name="catalog")])), (CATALOG,)
        )


async def test_where_nothing_is_wanted_any_right_token_will_do() -> None:
    grant = await controller().authorize(bearing(token(ed_key(), access=None, sub=None)), ())
    assert grant.user == ""
    assert not grant.allows(PULL)


async def test_a_token_whose_time_is_over_tells_what_it_gave_and_when() -> None:
    over = token(ed_key(), exp=NOW - 61, nbf=NOW - 121, iat=NOW - 121, groups=["ops"])
    for wanted in ((PULL,), (DELETE,)):
        with pytest.raises(TokenExpired) as caught:
            await controller().authorize(bearing(over), wanted)
        assert caught.value.wanted == wanted
        assert caught.value.offers == (Offer("Bearer", REALM, SERVICE, "invalid_token"),)
        assert (caught.value.start, caught.value.end) == (NOW - 181, NOW - 1)
        assert (caught.value.grant.user, caught.value.grant.groups) == ("ada", frozenset({"ops"}))
        assert caught.value.grant.allows(PUSH)
        assert not caught.value.grant.allows(DELETE)


async def test_why_it_was_refused_says_nothing_of_the_token() -> None:
    right = token(ed_key())
    for text in (
        token(ed_key(1)),
        right[:-1],
        right + "A",
        "secret-token",
        token(ed_key(), header={"kid": "secret-kid"}),
    ):
        with pytest.raises(Challenge) as caught:
            await controller().authorize(bearing(text), (PULL,))
        said = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
        assert not any(part in said for part in (*text.split("."), "secret", "ada"))


class Nowhere:
    async def current(self) -> TrustedKeys:
        raise Unreachable((), "no keys have come yet")

    newer = current

    async def close(self) -> None:
        """Nothing is open."""


async def test_without_keys_nobody_is_judged() -> None:
    access = TokenAccess(Verifier(ISSUER, SERVICE, (), Nowhere()), REALM, SERVICE)
    with pytest.raises(Unreachable):
        await access.authorize(bearing(token(ed_key())), (PULL,))
    with pytest.raises(Challenge):
        await access.authorize(Credentials(), (PULL,))
    await access.close()
