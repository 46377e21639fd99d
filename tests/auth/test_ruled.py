from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from moorage.auth.base import (
    CATALOG,
    Access,
    AccessRefused,
    Challenge,
    Credentials,
    Denied,
    Grant,
    Offer,
    Throttled,
    TokenExpired,
    Unreachable,
)
from moorage.auth.groups import Groups
from moorage.auth.ruled import Ruled
from moorage.auth.watched import LOOK_SECONDS
from tests.auth.deployment import DELETE, PULL, PUSH, of, rules

OFFER = Offer("Basic", "Example")


class Told:
    """Knows whoever says his name; `answer` is given, or raised, instead."""

    def __init__(self, answer: Grant | AccessRefused | None = None) -> None:
        self.answer = answer
        self.wanted: Sequence[Access] = ()
        self.closed = False

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        self.wanted = wanted
        if not credentials.authorization:
            raise Challenge(wanted, [OFFER], "no credentials")
        if isinstance(self.answer, AccessRefused):
            raise self.answer
        return self.answer or Grant(credentials.authorization)

    async def close(self) -> None:
        self.closed = True


RULES = rules(
    ("public/**", "anonymous", "pull"),
    ("team/**", "alice @developers", "push"),
    ("**", "admin", "push delete catalog"),
    ("**", "*", "catalog"),
)


async def answer(controller: Ruled, user: str, wanted: Sequence[Access]) -> str:
    try:
        await controller.authorize(Credentials(user), wanted)
    except AccessRefused as refused:
        return type(refused).__name__
    return "granted"


@pytest.mark.parametrize(
    ("user", "wanted", "expected"),
    [
        ("", [], "Challenge"),
        ("", [of("pull", "public/app")], "granted"),
        ("", [of("pull", "public/app"), of("push", "public/app")], "Challenge"),
        ("", PULL, "Challenge"),
        ("", [CATALOG], "Challenge"),
        ("bob", [], "granted"),
        ("bob", [of("pull", "public/app")], "granted"),
        ("bob", [of("pull", "public/app"), of("push", "public/app")], "Denied"),
        ("bob", PULL, "Denied"),
        ("bob", [CATALOG], "granted"),
        ("alice", PULL, "granted"),
        ("alice", PUSH, "granted"),
        ("alice", DELETE, "Denied"),
        ("admin", DELETE, "granted"),
    ],
)
async def test_both_must_allow_it(user: str, wanted: list[Access], expected: str) -> None:
    assert await answer(Ruled(Told(), RULES), user, wanted) == expected


async def test_a_challenge_and_a_denial_name_what_was_wanted_and_what_is_missing() -> None:
    controller = Ruled(Told(), RULES)
    with pytest.raises(Challenge) as challenged:
        await controller.authorize(Credentials(), PUSH)
    assert (challenged.value.wanted, challenged.value.offers) == (tuple(PUSH), (OFFER,))
    with pytest.raises(Denied, match=r"'bob'.*push on repository public/app") as denied:
        await controller.authorize(Credentials("bob"), [of("pull", "public/app"), of("push", "public/app")])
    assert denied.value.wanted == (of("push", "public/app"),)


async def test_what_a_grant_allows_later_is_what_both_allow() -> None:
    inner = Told(Grant("alice", allows=lambda access: access.name != "team/secret"))
    grant = await Ruled(inner, RULES).authorize(Credentials("alice"), [])
    assert grant.allows(of("push"))
    assert not grant.allows(of("pull", "team/secret"))
    assert not grant.allows(of("pull", "other"))
    assert not grant.unlimited
    grant = await Ruled(Told(), RULES).authorize(Credentials(), [of("pull", "public/app")])
    assert grant.user == ""
    assert grant.allows(of("pull", "public/other"))
    assert not grant.allows(of("pull"))


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (Challenge(PULL, [OFFER]), "Challenge"),
        (Denied(PULL), "Denied"),
        (Throttled(3), "Throttled"),
        (Unreachable(), "Unreachable"),
    ],
)
async def test_what_the_inner_controller_refuses_stays_refused(inner: AccessRefused, expected: str) -> None:
    """Credentials that are wrong do not get what somebody without any would."""
    assert await answer(Ruled(Told(inner), RULES), "mallory", [of("pull", "public/app")]) == expected


async def test_somebody_let_in_without_a_name_is_challenged_and_not_denied() -> None:
    controller = Ruled(Told(Grant()), RULES)
    assert await answer(controller, "anybody", [of("pull", "public/app")]) == "granted"
    with pytest.raises(Challenge) as caught:
        await controller.authorize(Credentials("anybody"), PULL)
    assert (caught.value.wanted, caught.value.offers) == (tuple(PULL), (OFFER,))


async def test_where_nobody_can_sign_in_it_is_denied() -> None:
    class Open(Told):
        async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
            return Grant()

    assert await answer(Ruled(Open(), RULES), "", [of("pull", "public/app")]) == "granted"
    assert await answer(Ruled(Open(), RULES), "", PULL) == "Denied"


async def test_a_token_that_has_expired_gave_no_more_than_the_rules() -> None:
    expired = TokenExpired(PUSH, [OFFER], Grant("alice"), 10, 20)
    with pytest.raises(TokenExpired) as caught:
        await Ruled(Told(expired), RULES).authorize(Credentials("token"), PUSH)
    assert (caught.value.start, caught.value.end) == (10, 20)
    assert (caught.value.wanted, caught.value.offers) == (tuple(PUSH), (OFFER,))
    assert caught.value.grant.allows(of("push"))
    assert not caught.value.grant.allows(of("delete"))


async def test_groups_are_those_that_the_user_brings_and_those_of_the_file_as_it_is_now(
    tmp_path: Path,
) -> None:
    path = tmp_path / "groups"
    path.write_text("developers: bob\n")
    groups = Groups(str(path)).groups_of
    controller = Ruled(Told(), RULES, groups)
    grant = await controller.authorize(Credentials("bob"), PUSH)
    assert await answer(controller, "carol", PUSH) == "Denied"
    assert await answer(controller, "", PUSH) == "Challenge"
    brought = Ruled(Told(Grant("carol", frozenset({"developers"}))), RULES, groups)
    assert await answer(brought, "carol", PUSH) == "granted"
    path.write_text("developers: carol and others\n")
    time.sleep(LOOK_SECONDS)
    assert not grant.allows(of("push"))
    assert await answer(controller, "bob", PUSH) == "Denied"
    assert await answer(controller, "carol", PUSH) == "granted"


async def test_the_inner_controller_is_closed_too() -> None:
    inner = Told()
    await Ruled(inner, RULES).close()
    assert inner.closed
