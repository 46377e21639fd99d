"""Access control that is configured is never left out: whatever kind it is, a stranger is refused, or the registry does not start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from moorage.auth.base import AuthError
from moorage.config.problem import ConfigurationError
from moorage.config.sections.auth import Auth
from tests.access.registries import password_section, token_section
from tests.api.client import application, serving
from tests.auth.tokens import public_pem, rsa_key

RULE: Final = {"repositories": ["**"], "users": ["ann"], "allow": ["push", "delete", "catalog"]}


def sections(folder: Path) -> dict[str, dict[str, Any]]:
    password_section(folder)
    token_section(folder)
    (folder / "bundle.pem").write_bytes(public_pem(rsa_key()))
    keys = {"rootcertbundle": str(folder / "bundle.pem")}
    return {
        "htpasswd": {"realm": "Registry", "path": str(folder / "htpasswd")},
        "token": {"realm": "https://auth.example.org", "service": "registry", "issuer": "auth", **keys},
        "silly": {"realm": "https://auth.example.org", "service": "registry"},
        "oidc": {"issuer": "https://auth.example.org", "audience": "registry"},
        "extension": {"name": "none such"},
    }


def test_all_kinds_are_asked(tmp_path: Path) -> None:
    assert {"none", *sections(tmp_path)} == Auth.one_of


@pytest.mark.parametrize("issuer", [{}, {"enabled": True}, {"enabled": False}])
@pytest.mark.parametrize("rules", [[], [RULE]])
@pytest.mark.parametrize("kind", sorted(Auth.one_of - {"none"}))
async def test_a_stranger_gets_nothing(
    kind: str, rules: list[Any], issuer: dict[str, Any], tmp_path: Path
) -> None:
    auth = {kind: sections(tmp_path)[kind], "issuer": issuer}
    more = f"auth: {json.dumps(auth)}\n" + (f"access: {json.dumps(rules)}\n" if rules else "")
    try:
        made = application(tmp_path / "registry", "", more)
    except (AuthError, ConfigurationError):
        return
    async with serving(made) as client:
        for method, path in (
            ("GET", "/v2/"),
            ("GET", "/v2/_catalog"),
            ("GET", "/v2/a/tags/list"),
            ("POST", "/v2/a/blobs/uploads/"),
            ("DELETE", "/v2/a/manifests/b"),
        ):
            for credentials in (
                (),
                (("authorization", "Basic YW5uOndyb25n"),),
                (("authorization", "Bearer x.y.z"),),
            ):
                if kind == "silly" and credentials:
                    continue
                answer = await client(method, path, headers=credentials)
                assert answer.status in (401, 403, 503), (method, path, answer.status)


@pytest.mark.parametrize("auth", ["", "auth: {none: {}}\n"])
async def test_rules_without_a_way_to_sign_in_are_no_open_registry(auth: str, tmp_path: Path) -> None:
    more = f"{auth}access: {json.dumps([RULE])}\n"
    with pytest.raises((AuthError, ConfigurationError)):
        application(tmp_path / "registry", "", more)
