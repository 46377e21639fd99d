"""Every client, signed in and not, at repositories that are public and that are not: what works, and what they say when it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.clients.ruled import PASSWORDS, SEED, Ruled, ruled
from tests.clients.signing import Signing, engine, modelled
from tests.clients.smallimages import small_image, unpacked
from tests.server.secure import AUTHORITY, trusting
from tests.support.server import running

ENGINES: Final = ("docker", "podman", "buildah", "skopeo")
CLIENTS: Final = (*ENGINES, "containerd", "crane", "oras")
OVER_TLS: Final = {"skopeo", "oras"}

WORKS: Final = "works"
SIGN_IN: Final = "must sign in"
WRONG: Final = "wrong password"

EXPECTED: Final = {
    # who, where, what
    ("nobody", "public", "pull"): WORKS,
    ("nobody", "public", "push"): SIGN_IN,
    ("nobody", "private", "pull"): SIGN_IN,
    ("nobody", "private", "push"): SIGN_IN,
    ("alice", "public", "pull"): WORKS,
    ("alice", "public", "push"): WORKS,
    ("alice", "private", "pull"): WORKS,
    ("alice", "private", "push"): WORKS,
    # Credentials that are wrong are told, not passed over, also where none are needed.
    ("wrong", "public", "pull"): WRONG,
    ("wrong", "public", "push"): WRONG,
    ("wrong", "private", "pull"): WRONG,
    ("wrong", "private", "push"): WRONG,
}

DENIED: Final = "denied: requested access to the resource is denied"
ASK_FIRST: Final = {"containerd", "oras"}
"""They ask without credentials first, and show them only when that does not do: at what is public, never."""

CONTAINERS: Final = {
    "pull": DENIED,
    "push public": DENIED,
    "push private": DENIED,
    WRONG: "invalid username/password: unauthorized: wrong user name or password",
}
SAID: Final = {
    "docker": {
        "pull": f"repository does not exist or may require 'docker login': {DENIED}",
        "push public": DENIED,
        "push private": DENIED,
        WRONG: "unauthorized: wrong user name or password",
    },
    "podman": CONTAINERS,
    "buildah": CONTAINERS,
    "skopeo": CONTAINERS,
    "containerd": {
        "pull": "pull access denied, repository does not exist or may require authorization",
        "push public": "push access denied, repository does not exist or may require authorization",
        "push private": "push access denied, repository does not exist or may require authorization",
        WRONG: "failed to fetch oauth token: unexpected status from GET request to {base}/auth/token: 401 Unauthorized",
    },
    "crane": {
        "pull": "UNAUTHORIZED: authentication required; [{{",
        "push public": "UNAUTHORIZED: authentication required; [{{",
        # Answers to HEAD have no words.
        "push private": "unexpected status code 401 Unauthorized",
        WRONG: "UNAUTHORIZED: wrong user name or password",
    },
    "oras": {
        "pull": "response status code 401: 401 Unauthorized",
        "push public": "response status code 401: unauthorized: authentication required: [{{",
        "push private": "response status code 401: 401 Unauthorized",
        WRONG: "response status code 401: unauthorized: wrong user name or password",
    },
}
"""What each client prints, by what was tried, of which the words of the registry are a part as far as the client shows them."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ruled]:
    yield from started(ruled(tmp_path_factory.mktemp("ruled"), secure=False))


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ruled]:
    yield from started(ruled(tmp_path_factory.mktemp("ruled-tls"), secure=True))


def started(registry: Ruled) -> Iterator[Ruled]:
    with running(registry.server):
        registry.seed()
        yield registry


@pytest.fixture
def registry(request: pytest.FixtureRequest, client: str) -> Ruled:
    found: Ruled = request.getfixturevalue("secure" if client in OVER_TLS else "plain")
    found.forgive()
    return found


@pytest.fixture
def person(request: pytest.FixtureRequest, client: str, registry: Ruled, tmp_path: Path) -> Signing:
    """Somebody at the client, not signed in yet, with a folder of their own for credentials."""
    if client not in ENGINES:
        return modelled(client, registry.base, trusting() if registry.secure else None)
    return engine(client, request.getfixturevalue(client), tmp_path, registry.address, AUTHORITY.pem)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("who", "where", "what"), [pytest.param(*cell, id="-".join(cell)) for cell in EXPECTED]
)
def test_what_works_and_what_is_said_when_it_does_not(
    client: str, who: str, where: str, what: str, registry: Ruled, person: Signing
) -> None:
    expected = EXPECTED[who, where, what]
    if client in ASK_FIRST and (where, what) == ("public", "pull"):
        expected = WORKS
    if who == "alice":
        assert person.login("alice", PASSWORDS["alice"]).worked
    elif who == "wrong":
        person.remember("alice", "not alice's secret")
    name, image = f"{where}/{client}/{who}-{what}", small_image(f"{client} {who} {where}")
    mark = registry.mark()

    outcome = person.pull(f"{where}/seed") if what == "pull" else person.push(name, image)

    assert outcome.worked == (expected is WORKS), outcome.said
    assert registry.has(name) == (what == "push" and expected is WORKS)
    if expected is not WORKS:
        tried = "pull" if what == "pull" else f"push {where}"
        told = SAID[client][WRONG if expected is WRONG else tried]
        assert told.format(base=registry.base) in outcome.said
        assert refusals(registry, mark) == {"401"}
    elif what == "pull":
        assert outcome.found in (SEED.travelled, SEED.unpacked)
    else:
        assert unpacked(registry.stored(name)) >= image.unpacked


@pytest.mark.parametrize("client", [client for client in CLIENTS if client != "crane"])
def test_a_login_with_a_wrong_password_fails_and_says_why(
    client: str, registry: Ruled, person: Signing
) -> None:
    """crane's login asks nobody."""
    outcome = person.login("alice", "not alice's secret")
    assert not outcome.worked
    # Podman, Buildah and Skopeo leave the words of the registry out here.
    told = SAID[client][WRONG].format(base=registry.base)
    assert (told.partition(": unauthorized")[0] if client in ENGINES else told) in outcome.said


@pytest.mark.parametrize("client", CLIENTS)
def test_who_may_not_push_there_is_told_what_and_where(client: str, registry: Ruled, person: Signing) -> None:
    name = f"team/alice/{client}"
    assert person.login("bob", PASSWORDS["bob"]).worked
    mark = registry.mark()
    outcome = person.push(name, small_image(f"{client} bob"))
    assert not outcome.worked
    assert f"requested access to the resource is denied: push on repository {name}" in outcome.said
    # 401 tells a client to fetch a token.
    assert refusals(registry, mark) - {"401"} == {"403"}
    assert not registry.has(name)


def refusals(registry: Ruled, mark: int) -> set[str]:
    """Statuses of what was refused since then. 404 is no refusal: there is nothing yet."""
    statuses = {answer.rpartition(" ")[2] for answer in registry.answers(mark)}
    return {status for status in statuses if status >= "400" and status != "404"}
