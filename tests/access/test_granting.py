"""What the token service gives: what is asked for and allowed, never more; and a token and a password are worth the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from tests.access.cases import REPOSITORIES, cases
from tests.access.credentials import bearer, by_password, issued, password, resigned, unpacked, user
from tests.access.registries import Registry, guarded, open_registry
from tests.access.table import HAS, NEEDS, known
from tests.api.client import Answer
from tests.auth.hashing import header

A, B = REPOSITORIES["A"], REPOSITORIES["B"]
ACTIONS: Final = ("pull", "push", "delete")
PEOPLE: Final = [one for one in HAS if known(one)]


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    async with open_registry(tmp_path) as (plain, _), guarded("rules", tmp_path / "g", plain) as made:
        yield made


async def asked(registry: Registry, identity: str, *scopes: str) -> Answer:
    query = urlencode([("service", "moorage"), *(("scope", one) for one in scopes)])
    credentials = by_password(identity) if known(identity) else ()
    return await registry.client("GET", f"/auth/token?{query}", headers=credentials)


def access(answer: Answer) -> set[tuple[str, str, str]]:
    assert answer.status == 200, answer.body
    entries = unpacked(answer.json["token"].split(".")[1])["access"]
    return {(one["type"], one["name"], action) for one in entries for action in one["actions"]}


def allowed(identity: str) -> set[tuple[str, str, str]]:
    found = {
        ("repository", REPOSITORIES[place], one)
        for place, of in HAS[identity].items()
        if place in "AB"
        for one in of
    }
    return found | ({("registry", "catalog", "*")} if "registry" in HAS[identity] else set())


@pytest.mark.parametrize("identity", [*PEOPLE, "anonymous"])
async def test_granted_is_what_is_asked_for_and_allowed(identity: str, registry: Registry) -> None:
    """CVE-2025-68944: what a token was limited to was lost when it was exchanged for another. And several `scope`
    parameters count, all of them."""
    random = Random(identity)
    may = allowed(identity)
    for _ in range(60):
        wanted = {
            ("repository", random.choice([A, B, "gamma/app"]), one)
            for one in random.sample(ACTIONS, random.randrange(4))
        } | random.choice([set(), {("registry", "catalog", "*")}])
        scopes = [":".join(one) for one in sorted(wanted)]
        grouped = scopes if random.random() < 0.5 else [" ".join(scopes)]
        assert access(await asked(registry, identity, *grouped)) == wanted & may


@pytest.mark.parametrize("identity", PEOPLE)
async def test_a_token_opens_what_it_was_asked_for_and_no_more(identity: str, registry: Registry) -> None:
    """GitLab's dependency proxy took any token for all that its owner may do."""
    for place, actions in HAS[identity].items():
        for action in sorted(actions & {*ACTIONS}):
            token = bearer(
                await issued(registry.client, identity, f"repository:{REPOSITORIES[place]}:{action}")
            )
            for other in REPOSITORIES.values():
                opened = {
                    "pull": await registry.client("GET", f"/v2/{other}/tags/list", headers=token),
                    "push": await registry.client("POST", f"/v2/{other}/blobs/uploads/", headers=token),
                    "delete": await registry.client("DELETE", f"/v2/{other}/manifests/none", headers=token),
                }
                # To push takes pull too, which this token was not asked to give.
                expected = {action} - {"push"} if other == REPOSITORIES[place] else set()
                assert {
                    one for one, answer in opened.items() if answer.status < 401 or answer.status == 404
                } == expected
            assert (await registry.client("GET", "/v2/_catalog", headers=token)).status in (401, 403)


@pytest.mark.parametrize(
    "scope",
    [
        "repository:*:pull", "repository:**:*", "repository:alpha/*:pull", "repository:alpha:pull", "repository:alpha/ap:pull", "repository:alpha/app2:pull",
        "repository:alpha/:pull", "repository:/alpha/app:pull", "repository:alpha//app:pull", "repository:ALPHA/APP:pull", "repository:Alpha/app:pull",
        "repository:alpha/app/:pull", "repository::pull", "repository:alpha/app:", "repository:alpha/app:PULL", "repository:alpha/app:pul",
        "repository:alpha/app:pull*", "repository:alpha/app:all", "repository:alpha/app:catalog", "repository:alpha/app:admin", "Repository:alpha/app:pull",
        "repositories:alpha/app:pull", "*:alpha/app:pull", "*:*:*", "registry:*:*", "registry:catalog:pull", "registry:catalog:", "registry:catalog:catalog",
        "registry:alpha/app:*", "repository:catalog:*", "repository:_catalog:*", "repository:registry.example.org/alpha/app:pull",
        "repository:alpha/app@sha256:00:pull", "repository:alpha/app:latest:pull", "repository:alpha/../alpha/app:pull", "repository:alpha%2fapp:pull",
        "repository:alpha/app:pull push:pull", "alpha/app:pull", "pull", ":", "::", "repository", "", "\0", "repository:alpha/app\0:pull",
    ],
)  # fmt: skip
async def test_a_scope_that_is_nearly_one_gives_nothing(scope: str, registry: Registry) -> None:
    """Harbor added `*` to what was granted; others took names for prefixes. Here to the admin, who may do everything."""
    answer = await asked(registry, "admin", scope)
    if answer.status == 400:
        assert b"invalid_scope" in answer.body
        return
    assert access(answer) == set()
    token = bearer(answer.json["token"])
    for path in (f"/v2/{A}/tags/list", f"/v2/{B}/tags/list", "/v2/_catalog"):
        assert (await registry.client("GET", path, headers=token)).status == 401


async def test_every_action_is_what_the_asker_may_and_not_more(registry: Registry) -> None:
    for identity in PEOPLE:
        expected = {one for one in allowed(identity) if one[1] == A}
        assert access(await asked(registry, identity, f"repository:{A}:*")) == expected


@pytest.mark.parametrize("route", [one for one in NEEDS if one != "token"])
async def test_a_password_is_worth_what_a_token_for_everything_is(route: str, tmp_path: Path) -> None:
    """CVE-2026-28699: by password, what a credential was limited to was passed over."""
    async with (
        open_registry(tmp_path) as (plain, uploads),
        guarded("rules", tmp_path / "g", plain) as registry,
    ):
        for repository in REPOSITORIES:
            for case in cases(route, repository, uploads):
                if case.body == "huge":
                    continue
                for identity in PEOPLE:
                    by_token = await registry.ask(
                        identity, case.method, case.target, case.content, case.headers
                    )
                    changed = registry.differences()
                    registry.restore()
                    both = (*by_password(identity), *case.headers)
                    by_name = await registry.client(case.method, case.target, case.content, both)
                    kept = [one for one in registry.differences() if "/_uploads/" not in one]
                    assert by_name.status == by_token.status, (identity, case)
                    assert by_name.status >= 300 or kept == [
                        one for one in changed if "/_uploads/" not in one
                    ]
                    registry.restore()


async def test_a_token_gets_no_token(registry: Registry) -> None:
    """CVE-2025-68944: else one that is for little would become one for more, and never end."""
    for identity in PEOPLE:
        for method in ("GET", "POST"):
            answer = await registry.client(
                method, f"/auth/token?scope=repository:{A}:push", headers=registry.identities[identity]
            )
            assert answer.status in (400, 401)


async def form(registry: Registry, **fields: str) -> Answer:
    headers = (("content-type", "application/x-www-form-urlencoded"),)
    return await registry.client("POST", "/auth/token", urlencode(fields).encode(), headers)


def login(identity: str, secret: str | None = None, **fields: str) -> dict[str, Any]:
    name = user(identity)
    usual = {
        "grant_type": "password",
        "username": name,
        "password": secret or password(name),
        "service": "moorage",
    }
    return usual | {"scope": f"repository:{A}:pull,push,delete"} | fields


async def test_a_form_gets_what_a_header_gets(registry: Registry) -> None:
    for identity in PEOPLE:
        answer = await form(registry, **login(identity))
        claims = unpacked(answer.json["access_token"].split(".")[1])
        entries = {
            (one["type"], one["name"], action) for one in claims["access"] for action in one["actions"]
        }
        assert entries == {one for one in allowed(identity) if one[1] == A}
        assert claims["sub"] == user(identity)
    assert (await form(registry, **login("admin", "wrong"))).status == 401
    assert (await form(registry, **login("nobody", "wrong"))).status == 401


async def test_a_refresh_token_is_no_access_token_and_the_other_way_round(registry: Registry) -> None:
    answer = await form(registry, **login("push A", access_type="offline"))
    refresh, token = answer.json["refresh_token"], answer.json["access_token"]
    for path in ("/v2/", f"/v2/{A}/tags/list"):
        assert (await registry.client("GET", path, headers=bearer(refresh))).status == 401
    refreshing = {"grant_type": "refresh_token", "service": "moorage", "scope": f"repository:{A}:push"}
    for wrong in (
        token,
        resigned(registry.driver, token, aud="refresh moorage", jti="x"),
        refresh[:-4],
        "",
        "nonsense",
    ):
        refused = await form(registry, **refreshing, refresh_token=wrong)
        assert refused.status in (400, 401), wrong
        assert not wrong or wrong.encode() not in refused.body
    again = await form(registry, **refreshing, refresh_token=refresh)
    assert again.status == 200
    assert unpacked(again.json["access_token"].split(".")[1])["sub"] == user("push A")
    more = await form(
        registry, **refreshing | {"scope": f"repository:{B}:pull registry:catalog:*"}, refresh_token=refresh
    )
    assert unpacked(more.json["access_token"].split(".")[1])["access"] == []


async def test_it_takes_the_user_that_is_proven_and_not_the_one_that_is_named(registry: Registry) -> None:
    """`account` is what the client likes to be called."""
    headers = (("authorization", header(user("pull A"), password(user("pull A")))),)
    target = f"/auth/token?account=admin&scope=repository:{A}:push&sub=admin&client_id=admin"
    claims = unpacked((await registry.client("GET", target, headers=headers)).json["token"].split(".")[1])
    assert (claims["sub"], claims["access"]) == (user("pull A"), [])
