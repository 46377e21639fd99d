"""What is said of options that cannot be meant."""

from __future__ import annotations

import re
from typing import Any

import pytest

from moorage.auth.base import AuthError
from moorage.auth.extensions import Context
from moorage.auth.oidc import KEYS, controller
from moorage.config.sections.auth import Oidc
from tests.auth.provider import AUDIENCE

RIGHT: dict[str, Any] = {"issuer": "https://provider.example", "audience": AUDIENCE}
MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"issuer": None}, "issuer: is missing"),
    ({"audience": None}, "audience: is missing"),
    ({"audience": ""}, "audience: must be a text, and not empty"),
    ({"audience": ["a"]}, "audience: must be a text"),
    ({"issuer": "provider.example"}, "issuer: is no name of a provider"),
    ({"issuer": 1}, "issuer: must be a text"),
    ({"userclaim": ""}, "userclaim: must be a text, and not empty"),
    ({"userprefix": 1}, "userprefix: must be a text"),
    ({"userprefix": "a\n"}, "userprefix: has characters that cannot be printed"),
    ({"groupclaims": "roles"}, "groupclaims: must be a list of texts"),
    ({"groupclaims": [1]}, "groupclaims: must be a list of texts"),
    ({"groupclaims": [""]}, "groupclaims: must be a list of texts, none of them empty"),
    ({"groupclaims": ["a", "a:b"]}, "groupclaims: 'a' and 'a:b' could make the same group"),
    ({"required": ["acme"]}, "required: must be names with lists of values"),
    ({"required": {"owner": "acme"}}, "required.owner: must be a list of one value or more"),
    ({"required": {"owner": []}}, "required.owner: must be a list of one value or more"),
    ({"required": {"owner": [{}]}}, "required.owner: must be a list of one value or more"),
    ({"required": {"": ["x"]}}, "required: must be names with lists of values"),
    ({"signingalgorithms": ["HS256"]}, "signingalgorithms: 'HS256' cannot be used; EdDSA, RS256"),
    ({"signingalgorithms": ["none"]}, "signingalgorithms: 'none' cannot be used"),
    ({"signingalgorithms": "RS256"}, "signingalgorithms: must be a list of texts"),
    ({"isuer": "x"}, "isuer: is unknown (did you mean issuer?)"),
    ({"issuer": "https://token.actions.githubusercontent.com"}, "required: anybody can get a token of"),
    ({"issuer": "https://gitlab.com/"}, "required: anybody can get a token of"),
]


@pytest.mark.parametrize(("changes", "text"), MISTAKES, ids=[text for _, text in MISTAKES])
def test_a_mistake_in_the_options_is_told_with_its_key(changes: dict[str, Any], text: str) -> None:
    for section in ("auth.oidc", "auth.extension.options"):
        with pytest.raises(AuthError, match=re.escape(f"{section}.{text}")) as caught:
            controller({**RIGHT, **changes}, Context(section))
        assert "\n" not in str(caught.value)


async def test_a_provider_of_everybody_is_fine_once_it_is_said_whose_tokens_count() -> None:
    options = {
        "issuer": "https://token.actions.githubusercontent.com",
        "required": {"repository_owner_id": [123]},
    }
    await controller({**RIGHT, **options}, Context()).close()


def test_the_options_are_the_keys_of_the_section_with_the_same_defaults() -> None:
    assert tuple(Oidc.model_fields) == KEYS
    controller(Oidc(issuer="https://provider.example", audience=AUDIENCE).model_dump(), Context())
