"""Tokens for many repositories: short enough for a header, and of two forms."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from moorage.auth import base64url
from moorage.auth.claims import Claims, read
from moorage.auth.signingkey import ALGORITHM
from moorage.auth.verification import Verifier
from tests.auth.deployment import NAME, NOW, Deployment, deployment, of, part, rules

RULES = rules(("team/**", "alice", "push"))
LINE = 8 << 10
"""The most that nginx and others take as one header, unless configured."""


@pytest.fixture
async def ruled(tmp_path: Path) -> AsyncIterator[Deployment]:
    made = await deployment(tmp_path, RULES)
    yield made
    await made.registry.close()


def scopes(names: list[str]) -> list[str]:
    return [f"repository:{name}:pull" for name in names]


def entries(names: list[str]) -> list[dict[str, Any]]:
    return [{"type": "repository", "name": name, "actions": ["pull"]} for name in names]


def opened(**claims: Any) -> Claims:
    payload = {"iss": NAME, "aud": NAME, "exp": NOW, **claims}
    return read(json.dumps(payload).encode(), NAME, NAME, packed=True)


def deflated(raw: bytes) -> str:
    packing = zlib.compressobj(wbits=-15)
    return base64url.encode(packing.compress(raw) + packing.flush())


@pytest.mark.parametrize("count", [1, 16])
async def test_a_usual_number_of_scopes_is_in_the_form_that_all_services_read(
    count: int, ruled: Deployment
) -> None:
    names = [f"team/app{number:03}" for number in range(count)]
    assert part(await ruled.token("alice", *scopes(names)), 1)["access"] == entries(names)


@pytest.mark.parametrize(
    ("count", "form"),
    [
        (17, "team/{}"),
        (98, "team/x{}"),
        (300, "team/many/some-long-repository-name-of-a-team-{}"),
        (1500, "team/r{}"),
    ],
)
async def test_a_token_for_many_repositories_fits_into_a_header_and_allows_each_of_them(
    count: int, form: str, ruled: Deployment
) -> None:
    names = [form.format(number) for number in range(count)]
    token = await ruled.token("alice", *scopes(names))
    assert len(f"Authorization: Bearer {token}\r\n") < LINE
    assert await ruled.answers(token, [of("pull", name) for name in names]) == "granted"
    assert await ruled.answers(token, [of("push", names[0])]) == "Challenge insufficient_scope"
    assert await ruled.answers(token, [of("pull", "team/another")]) == "Challenge insufficient_scope"


async def test_a_token_that_was_issued_in_the_plain_form_is_still_taken(ruled: Deployment) -> None:
    names = [f"team/app{number}" for number in range(100)]
    issued = part(await ruled.token("alice"), 1)
    token = ruled.keys.sign({**issued, "access": entries(names)})
    assert len(token) > LINE
    assert await ruled.answers(token, [of("pull", name) for name in names]) == "granted"


async def test_only_tokens_of_this_registry_are_read_in_the_short_form(ruled: Deployment) -> None:
    """In a token of another service the claim has whatever meaning that service gives it."""
    token = await ruled.token("alice", *scopes([f"team/app{number}" for number in range(20)]))
    found = await Verifier(NAME, NAME, [ALGORITHM], ruled.keys, clock=ruled.clock).verify(token)
    assert found.access == ()


GOOD = b'{"access":[{"type":"repository","name":"team/app","actions":["pull"]}]}'


def test_the_short_form_is_the_plain_one_deflated() -> None:
    assert len(opened(access_deflated=deflated(GOOD)).access) == 1
    assert len(opened(access=entries(["team/app"])).access) == 1
    assert opened(access_deflated=deflated(b"{}")).access == ()


@pytest.mark.parametrize(
    "claims",
    [
        {"access_deflated": None},
        {"access_deflated": entries(["team/app"])},
        {"access_deflated": "x y"},
        {"access_deflated": "\u00e9"},
        {"access_deflated": ""},
        {"access_deflated": base64url.encode(GOOD)},
        {"access_deflated": base64url.encode(zlib.compress(GOOD))},
        {"access_deflated": deflated(GOOD)[:-4]},
        {"access_deflated": base64url.encode(base64url.decode(deflated(GOOD)) + b"more")},
        {"access_deflated": deflated(b"[]")},
        {"access_deflated": deflated(b'{"access":{}}')},
        {"access_deflated": deflated(b'{"access":[],"access":[]}')},
        {"access_deflated": deflated(GOOD + b" " * (1 << 20))},
        {"access_deflated": deflated(GOOD), "access": []},
    ],
)
def test_what_is_not_written_like_that_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        opened(**claims)
