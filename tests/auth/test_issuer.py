from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from moorage.auth import scopes
from moorage.auth.base import (
    AccessRefused,
    Challenge,
    Credentials,
    Offer,
    Throttled,
    TokenRequestInvalid,
)
from moorage.auth.groups import Groups
from tests.auth.deployment import NAME, NOW, Deployment, deployment, part, rules, told
from tests.auth.hashing import header

RULES = rules(
    ("public/**", "anonymous", "pull"),
    ("team/**", "alice", "push"),
    ("team/**", "bob", "pull"),
    ("**", "alice", "catalog"),
)
TEAM = "repository:team/app:pull,push"


@pytest.fixture
async def ruled(tmp_path: Path) -> AsyncIterator[Deployment]:
    made = await deployment(tmp_path, RULES)
    yield made
    await made.registry.close()


@pytest.fixture
async def unruled(tmp_path: Path) -> AsyncIterator[Deployment]:
    made = await deployment(tmp_path)
    yield made
    await made.registry.close()


def access(token: str) -> list[tuple[str, str, list[str]]]:
    return [(entry["type"], entry["name"], entry["actions"]) for entry in part(token, 1)["access"]]


async def test_an_answer_has_what_clients_look_for(ruled: Deployment) -> None:
    answer = await ruled.get("alice", TEAM)
    token = answer.pop("token")
    assert answer == {"access_token": token, "expires_in": 300, "issued_at": "2027-01-15T08:00:00Z"}
    claims = part(token, 1)
    assert len(claims.pop("jti")) > 20
    assert claims == {
        "iss": NAME,
        "sub": "alice",
        "aud": NAME,
        "exp": NOW + 300,
        "nbf": NOW,
        "iat": NOW,
        "access": [{"type": "repository", "name": "team/app", "actions": ["pull", "push"]}],
    }


async def test_no_two_tokens_are_the_same(ruled: Deployment) -> None:
    tokens = [await ruled.token("alice", TEAM) for _ in range(5)]
    assert len({part(token, 1)["jti"] for token in tokens}) == 5


@pytest.mark.parametrize(
    ("user", "asked", "given"),
    [
        ("alice", [], []),
        ("alice", [""], []),
        ("alice", [TEAM], [("repository", "team/app", ["pull", "push"])]),
        ("bob", [TEAM], [("repository", "team/app", ["pull"])]),
        ("", [TEAM], []),
        ("", ["repository:public/app:pull,push"], [("repository", "public/app", ["pull"])]),
        ("alice", ["repository:team/app:*"], [("repository", "team/app", ["pull", "push"])]),
        ("alice", ["repository:team/app:delete"], []),
        ("alice", ["repository:team/app:"], []),
        ("alice", ["repository:team/app:admin,pull"], [("repository", "team/app", ["pull"])]),
        ("alice", ["repository(plugin):team/app:pull"], [("repository", "team/app", ["pull"])]),
        ("alice", ["repository:Team/app:pull", "repository:*:pull", "repository::pull"], []),
        ("alice", ["repository:registry.example.org:5000/team/app:pull"], []),
        ("alice", ["registry:catalog:*"], [("registry", "catalog", ["*"])]),
        ("bob", ["registry:catalog:*"], []),
        ("alice", ["registry:catalog:pull", "registry:other:*", "other:team/app:pull"], []),
        (
            "alice",
            ["repository:team/b:push repository:team/a:pull", "repository:team/b:pull registry:catalog:*"],
            [
                ("registry", "catalog", ["*"]),
                ("repository", "team/a", ["pull"]),
                ("repository", "team/b", ["pull", "push"]),
            ],
        ),
    ],
)
async def test_a_token_has_what_was_asked_for_as_far_as_it_is_allowed(
    ruled: Deployment, user: str, asked: list[str], given: list[tuple[str, str, list[str]]]
) -> None:
    assert access(await ruled.token(user, *asked)) == given


async def test_groups_of_the_file_are_not_carried_along_for_they_may_change(tmp_path: Path) -> None:
    path = tmp_path / "groups"
    path.write_text("ops: bob\n")
    made = await deployment(tmp_path, rules(("**", "@ops", "push")), groups=Groups(str(path)).groups_of)
    token = await made.token("bob", TEAM)
    assert access(token) == [("repository", "team/app", ["pull", "push"])]
    assert "groups" not in part(token, 1)
    assert access(await made.token("alice", TEAM)) == []


async def test_without_rules_whoever_signs_in_may_do_everything(unruled: Deployment) -> None:
    token = await unruled.token("bob", "repository:any/thing:* registry:catalog:*")
    assert access(token) == [
        ("registry", "catalog", ["*"]),
        ("repository", "any/thing", ["delete", "pull", "push"]),
    ]


async def test_without_rules_nobody_gets_a_token_without_signing_in(unruled: Deployment) -> None:
    with pytest.raises(Challenge) as caught:
        await unruled.get("", TEAM)
    assert caught.value.offers == (Offer("Basic", "Example"),)


@pytest.mark.parametrize(
    "authorization",
    [header("alice", "wrong"), header("eve", "e"), "Basic", "Bearer x.y.z", "Digest x", header("", "a")],
)
async def test_wrong_credentials_are_never_taken_for_none(ruled: Deployment, authorization: str) -> None:
    with pytest.raises(Challenge) as caught:
        await ruled.issuer.get(
            Credentials(authorization),
            service=NAME,
            scopes=["repository:public/app:pull"],
            account=None,
            offline=False,
        )
    assert caught.value.offers == (Offer("Basic", "Example"),)


async def test_whoever_guesses_has_to_wait_here_too(ruled: Deployment) -> None:
    for number in range(10):
        with pytest.raises(Challenge):
            await ruled.issuer.post(
                {"grant_type": "password", "username": "bob", "password": f"x{number}"}, Credentials()
            )
    with pytest.raises(Throttled):
        await ruled.issuer.post({"grant_type": "password", "username": "bob", "password": "y"}, Credentials())
    elsewhere = Credentials(address="192.0.2.9")
    assert await ruled.issuer.post({"grant_type": "password", "username": "bob", "password": "b"}, elsewhere)


@pytest.mark.parametrize(("service", "fine"), [(NAME, True), ("", True), (None, True), ("other", False)])
async def test_a_service_that_is_not_this_one_is_refused(
    ruled: Deployment, service: str | None, fine: bool
) -> None:
    try:
        await ruled.get("alice", TEAM, service=service)
        error = ""
    except TokenRequestInvalid as refused:
        error = refused.error
    assert error == ("" if fine else "invalid_request")


@pytest.mark.parametrize("account", ["alice", "Alice", "bob", None])
async def test_a_token_is_for_whom_the_credentials_prove_whatever_account_says(
    ruled: Deployment, account: str | None
) -> None:
    answer = await ruled.get("alice", TEAM, account=account)
    assert part(answer["token"], 1)["sub"] == "alice"
    assert part((await ruled.get("", account=account))["token"], 1)["sub"] == ""


@pytest.mark.parametrize(
    "scope",
    ["nonsense", "repository:team/app:PULL", "repository:a b:pull", "a:" * 3000, "repository:x:pull " * 2001],
)
async def test_what_is_no_scope_is_an_error_and_so_are_too_many(ruled: Deployment, scope: str) -> None:
    for request in (
        ruled.get("alice", scope),
        ruled.post(grant_type="password", username="alice", password="a", scope=scope),
    ):
        with pytest.raises(TokenRequestInvalid) as caught:
            await request
        assert caught.value.error == "invalid_scope"


async def test_too_many_scopes_are_told_apart_from_what_is_no_scope(ruled: Deployment) -> None:
    assert len(access(await ruled.token("alice", "repository:team/app:pull " * 2000))) == 1
    with pytest.raises(TokenRequestInvalid, match=r"more than 2000 scopes: ask for fewer repositories"):
        await ruled.get("alice", "repository:team/app:pull " * 2001)


async def test_a_token_that_no_server_would_take_is_not_made(ruled: Deployment) -> None:
    """Its names look random, so they cannot be written shorter."""
    names = [f"team/{hashlib.sha512(b'%d' % number).hexdigest()}" for number in range(250)]
    with pytest.raises(TokenRequestInvalid, match=r"250 repositories .* 16384 bytes: ask for fewer"):
        await ruled.get("alice", *(f"repository:{name}:pull" for name in names))


async def test_a_token_lives_a_minute_at_least(tmp_path: Path) -> None:
    made = await deployment(tmp_path, RULES, seconds=5)
    answer = await made.get("alice", TEAM)
    assert answer["expires_in"] == 60
    assert part(answer["token"], 1)["exp"] == NOW + 60


async def test_a_password_in_a_form_gives_the_answer_of_oauth(ruled: Deployment) -> None:
    answer = await ruled.post(
        grant_type="password",
        service=NAME,
        client_id="docker",
        username="alice",
        password="a",
        scope="repository:team/app:pull,push,delete registry:catalog:*",
    )
    token = answer.pop("access_token")
    assert answer == {
        "token_type": "Bearer",
        "scope": "registry:catalog:* repository:team/app:pull,push",
        "expires_in": 300,
        "issued_at": "2027-01-15T08:00:00Z",
    }
    assert [scope.actions for scope in scopes.parse([answer["scope"]])] == [{"*"}, {"pull", "push"}]
    assert part(token, 1)["sub"] == "alice"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "invalid_request"),
        ({"grant_type": "password", "username": "alice"}, "invalid_request"),
        ({"grant_type": "password", "username": "alice", "password": ""}, "invalid_request"),
        ({"grant_type": "password", "username": "", "password": "a"}, "invalid_request"),
        ({"grant_type": "password", "username": "alice:a", "password": "b"}, "invalid_grant"),
        ({"grant_type": "password", "username": "alice", "password": "a", "service": "x"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 40_000}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "ü.ü.ü"}, "invalid_grant"),
    ],
)
async def test_a_form_that_is_wrong_has_the_error_of_oauth(
    ruled: Deployment, form: dict[str, str], error: str
) -> None:
    with pytest.raises(TokenRequestInvalid) as caught:
        await ruled.post(**form)
    assert caught.value.error == error
    assert caught.value.description


@pytest.mark.parametrize("password", ["wrong", "a\0", "\udcff", "a:b"])
async def test_a_wrong_password_in_a_form_is_challenged_like_one_in_a_header(
    ruled: Deployment, password: str
) -> None:
    with pytest.raises(Challenge) as caught:
        await ruled.post(grant_type="password", username="alice", password=password)
    assert caught.value.offers == (Offer("Basic", "Example"),)


async def test_credentials_in_the_header_of_a_post_do_not_count(ruled: Deployment) -> None:
    with pytest.raises(TokenRequestInvalid):
        await ruled.issuer.post({"grant_type": "password"}, Credentials(header("alice", "a")))


async def test_no_refusal_says_anything_of_what_was_sent(ruled: Deployment) -> None:
    canary = "thecanarysings"
    encoded = base64.b64encode(f"alice:{canary}".encode()).decode()
    attempts: list[Callable[[], Any]] = [
        lambda: ruled.post(grant_type="password", username="alice", password=canary),
        lambda: ruled.post(grant_type="refresh_token", refresh_token=f"{canary}.{canary}.{canary}"),
        lambda: ruled.issuer.get(
            Credentials(f"Basic {encoded}"), service=None, scopes=[], account=None, offline=False
        ),
    ]
    for attempt in attempts:
        with pytest.raises((AccessRefused, TokenRequestInvalid)) as caught:
            await attempt()
        assert canary not in f"{caught.value} {caught.value!r} {vars(caught.value)}"
        assert encoded not in repr(caught.value)
        if isinstance(caught.value, AccessRefused):
            assert told(caught.value) == "Challenge"
    issued = await ruled.mint.issue(
        await ruled.inner.authorize(Credentials(header("alice", "a")), []), [], ""
    )
    assert issued.token not in repr(issued)
