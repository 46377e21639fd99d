"""A whole registry whose users are the jobs of a provider."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from moorage.auth.base import Credentials
from tests.auth import provider as providers
from tests.auth.openid import basic, bearer
from tests.auth.provider import AUDIENCE, Provider
from tests.faults.processes import eventually
from tests.support.exchange import exchange
from tests.support.server import Server, moorage_server, running

SCOPE = "repository:acme/app:pull,push"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providers.running() as found:
        found.now = time.time()
        yield found


def registry(folder: Path, provider: Provider, *, issuer: bool) -> Server:
    """`issuer`: whether it is its own token service, as it is by default with rules."""
    section = {
        "oidc": {
            "issuer": provider.issuer,
            "audience": AUDIENCE,
            "userclaim": "repository",
            "groupclaims": ["repository_owner"],
            "required": {"ref_protected": ["true"]},
        },
        "issuer": {"enabled": issuer},
    }
    rules = [{"repositories": ["acme/**"], "groups": ["repository_owner:acme"], "allow": ["push"]}]
    return moorage_server(folder, extra=f"auth: {json.dumps(section)}\naccess: {json.dumps(rules)}\n")


@dataclass
class Answer:
    status: int
    challenge: str
    location: str
    body: str


def answer(
    server: Server, method: str, path: str, credentials: Credentials | None = None, body: bytes = b""
) -> Answer:
    headers = {"Authorization": credentials.authorization} if credentials else {}
    found = exchange(server.address, method, path, body=body, headers=headers)
    challenge, location = (found.headers.get(name, "") for name in ("www-authenticate", "location"))
    return Answer(found.status, challenge, location.removeprefix(server.url), found.body.decode())


def statuses(server: Server, credentials: Credentials) -> list[int]:
    """Signing in, pushing to what is one's own, and to what is not."""
    return [
        answer(server, method, path, credentials).status
        for method, path in (
            ("GET", "/v2/"),
            ("POST", "/v2/acme/app/blobs/uploads/"),
            ("POST", "/v2/other/app/blobs/uploads/"),
        )
    ]


def test_a_job_signs_in_as_docker_does_and_pushes_what_the_rules_let_it(
    tmp_path: Path, provider: Provider
) -> None:
    server = registry(tmp_path, provider, issuer=True)
    with running(server):
        assert not provider.asked, "nobody is asked at start"
        first = answer(server, "GET", "/v2/")
        assert (first.status, first.challenge.partition(" ")[0]) == (401, "Bearer")
        asked = f"/auth/token?service=moorage&scope={quote(SCOPE)}"
        given = answer(server, "GET", asked, basic(provider.token()))
        assert given.status == 200
        assert statuses(server, bearer(json.loads(given.body)["token"])) == [200, 202, 403]
        assert statuses(server, basic(provider.token())) == [200, 202, 403]
        mallory = provider.token(repository="mallory/app", repository_owner="mallory")
        assert statuses(server, basic(mallory)) == [200, 403, 403]
        for wrong in (provider.token(aud="other"), provider.token(ref_protected="false"), "x"):
            assert answer(server, "GET", asked, basic(wrong)).status == 401
            assert statuses(server, basic(wrong)) == [401, 401, 401]
    assert "eyJ" not in server.log.read_text(), "no token is in the log"


@pytest.mark.parametrize("issuer", [True, False])
def test_a_job_may_send_its_token_itself_whether_the_registry_makes_tokens_or_not(
    tmp_path: Path, provider: Provider, issuer: bool
) -> None:
    server = registry(tmp_path, provider, issuer=issuer)
    with running(server):
        assert answer(server, "GET", "/v2/").challenge.partition(" ")[0] == ("Bearer" if issuer else "Basic")
        assert statuses(server, bearer(provider.token())) == [200, 202, 403]
        assert statuses(server, basic(provider.token())) == [200, 202, 403]
        wrong = answer(server, "GET", "/v2/", bearer(provider.token(aud="other")))
        assert wrong.status == 401
        assert wrong.challenge.startswith("Bearer realm=")
        assert wrong.challenge.endswith('error="invalid_token"')


def test_a_registry_starts_without_its_provider_and_lets_nobody_in_until_it_is_there(
    tmp_path: Path, provider: Provider
) -> None:
    provider.stop()
    server = registry(tmp_path, provider, issuer=False)
    with running(server):
        token = basic(provider.token())
        assert statuses(server, token) == [503, 503, 503]
        provider.start()
        # Every worker asks for itself, and not at once after it failed.
        eventually(lambda: statuses(server, token) == [200, 202, 403], 30, "all of it is answered")


def test_an_upload_that_a_job_began_in_time_ends_after_its_token(tmp_path: Path, provider: Provider) -> None:
    with running(registry(tmp_path, provider, issuer=False)) as server:
        assert statuses(server, basic(provider.token())) == [200, 202, 403]
        begun = Answer(0, "", "", "")
        deadline = time.monotonic() + 60
        while begun.status != 202 and time.monotonic() < deadline:
            # With the minute by which clocks may differ, it has two seconds left.
            token = basic(provider.token(exp=time.time() - 58, iat=time.time() - 300))
            begun = answer(server, "POST", "/v2/acme/app/blobs/uploads/", token)
        while statuses(server, token)[0] == 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert statuses(server, token) == [401, 401, 401]
        part = answer(server, "PATCH", begun.location, token, b"layer")
        assert part.status == 202
        others = basic(provider.token(exp=time.time() - 61, iat=time.time() - 300, repository="acme/other"))
        assert answer(server, "PATCH", part.location, others, b"more").status == 401
        digest = f"sha256:{hashlib.sha256(b'layer').hexdigest()}"
        assert answer(server, "PUT", f"{part.location}&digest={digest}", token).status == 201
