"""What a route needs becomes a question to the access controller, and its refusal an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import pytest

from moorage.api.endpoint import Endpoint
from moorage.api.exchange import Exchange
from moorage.api.observing import Outcome
from moorage.api.resume import States
from moorage.api.service import Service
from moorage.auth.base import (
    CATALOG,
    LIST,
    Access,
    Challenge,
    Credentials,
    Denied,
    Grant,
    Offer,
    Throttled,
    TokenExpired,
    Unreachable,
)
from moorage.digest import Digest
from moorage.drivers.inmemory import InMemoryDriver
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from tests.api.client import Client

NAME: Final = "team/app"
DIGEST: Final = Digest.of(b"x")
HEADERS: Final = {"host": "hub.example"}


def of(*actions: str, name: str = NAME) -> list[Access]:
    return [Access("repository", name, action) for action in actions]


@dataclass
class Asked:
    """An access controller that keeps what it is asked, and raises or grants what it is told to."""

    outcome: Exception | Grant = field(default_factory=lambda: Denied((), "never"))
    questions: list[tuple[Credentials, list[Access]]] = field(default_factory=list)

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        self.questions.append((credentials, list(wanted)))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def close(self) -> None: ...


def registry(controller: Asked) -> Client:
    service = Service(
        registry=Registry(Stock(InMemoryDriver())),
        states=States(b"k" * 32),
        access=controller,
        delete_enabled=True,
    )
    return Client(Endpoint(service))


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("GET", "/v2/", []),
        ("HEAD", "/v2/", []),
        ("GET", "/v2/_catalog", [CATALOG]),
        ("GET", f"/v2/{NAME}/tags/list", of("pull")),
        ("HEAD", f"/v2/{NAME}/manifests/latest", of("pull")),
        ("GET", f"/v2/{NAME}/manifests/{DIGEST}", of("pull")),
        ("PUT", f"/v2/{NAME}/manifests/latest", of("pull", "push")),
        ("DELETE", f"/v2/{NAME}/manifests/latest", of("delete")),
        ("DELETE", f"/v2/{NAME}/manifests/{DIGEST}", of("delete")),
        ("GET", f"/v2/{NAME}/blobs/{DIGEST}", of("pull")),
        ("DELETE", f"/v2/{NAME}/blobs/{DIGEST}", of("delete")),
        ("GET", f"/v2/{NAME}/referrers/{DIGEST}", of("pull")),
        ("POST", f"/v2/{NAME}/blobs/uploads/", of("pull", "push")),
        ("POST", f"/v2/{NAME}/blobs/uploads/?mount={DIGEST}&from=other", of("pull", "push")),
        ("GET", f"/v2/{NAME}/blobs/uploads/x", of("pull", "push")),
        ("PATCH", f"/v2/{NAME}/blobs/uploads/x", of("pull", "push")),
        ("PUT", f"/v2/{NAME}/blobs/uploads/x", of("pull", "push")),
        ("DELETE", f"/v2/{NAME}/blobs/uploads/x", of("pull", "push")),
    ],
)
async def test_a_route_asks_for_what_it_needs(method: str, path: str, wanted: list[Access]) -> None:
    controller = Asked()
    assert (await registry(controller)(method, path, headers={"authorization": "Basic x"})).status == 403
    assert controller.questions == [(Credentials("Basic x", "192.0.2.1"), wanted)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/UPPER/tags/list", 400),
        ("GET", "/v2/a/../b/tags/list", 400),
        ("GET", "/v2/nothing/here", 404),
        ("PATCH", f"/v2/{NAME}/tags/list", 405),
        ("OPTIONS", "/v2/", 405),
        ("GET", "/auth/token", 404),
    ],
)
async def test_of_what_cannot_be_answered_nobody_is_asked(method: str, path: str, status: int) -> None:
    controller = Asked(Grant())
    assert (await registry(controller)(method, path)).status == status
    assert controller.questions == []


async def test_a_challenge_tells_every_way_to_come_again() -> None:
    offers = [Offer("Bearer", "/auth/token", "hub", "invalid_token"), Offer("Basic", 'The "hub"', "unused")]
    answer = await registry(Asked(Challenge(of("pull", "push"), offers, "why"))).get(
        f"/v2/{NAME}/tags/list", **HEADERS
    )
    assert (answer.status, answer.codes) == (401, ["UNAUTHORIZED"])
    assert answer.headers["www-authenticate"] == (
        f'Bearer realm="http://hub.example/auth/token",service="hub",scope="repository:{NAME}:pull,push",'
        'error="invalid_token", Basic realm="The \\"hub\\""'
    )
    assert answer.json["errors"][0]["detail"] == [
        {"Type": "repository", "Class": "", "Name": NAME, "Action": action} for action in ("pull", "push")
    ]
    assert b"why" not in answer.body


@pytest.mark.parametrize(
    ("query", "scope"),
    [
        (f"mount={DIGEST}&from=src", f"repository:{NAME}:pull,push repository:src:pull"),
        (f"mount={DIGEST}&from={NAME}", f"repository:{NAME}:pull,push"),
        (f"mount={DIGEST}", f"repository:{NAME}:pull,push"),
        ("from=src", f"repository:{NAME}:pull,push"),
        (f"mount={DIGEST}&from=", f"repository:{NAME}:pull,push"),
        (f"mount={DIGEST}&from=Not/a%22name", f"repository:{NAME}:pull,push"),
        (f"mount={DIGEST}&from=src&{'a' * 8192}", f"repository:{NAME}:pull,push"),
    ],
)
async def test_the_challenge_of_a_mount_names_pull_on_its_source_too(query: str, scope: str) -> None:
    controller = Asked(Challenge(of("pull", "push"), [Offer("Bearer", "https://auth.example/token", "hub")]))
    answer = await registry(controller)("POST", f"/v2/{NAME}/blobs/uploads/?{query}", headers=HEADERS)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == (
        f'Bearer realm="https://auth.example/token",service="hub",scope="{scope}"'
    )
    assert controller.questions == [(Credentials("", "192.0.2.1"), of("pull", "push"))]
    assert {entry["Name"] for entry in answer.json["errors"][0]["detail"]} == {NAME}


async def test_a_realm_elsewhere_is_told_as_it_is() -> None:
    offer = Offer("Bearer", "https://auth.example/token?a=b", "hub")
    answer = await registry(Asked(Challenge((), [offer]))).get("/v2/", **HEADERS)
    assert answer.headers["www-authenticate"] == 'Bearer realm="https://auth.example/token?a=b",service="hub"'


async def test_a_token_service_is_told_in_the_bytes_that_it_expects_back() -> None:
    """Clients build a URL of them as they came. A realm of Basic is only shown to people."""
    offers = [Offer("Bearer", "https://zürich.example/", 'The "Zürich"\n\x85'), Offer("Basic", "Zürich")]
    answer = await registry(Asked(Challenge((), offers))).get("/v2/", **HEADERS)
    bearer, _, basic = answer.headers["www-authenticate"].partition(", ")
    assert (
        bearer.encode("latin-1").decode()
        == 'Bearer realm="https://zürich.example/",service="The \\"Zürich\\"  "'
    )
    assert basic == 'Basic realm="Zürich"'


async def test_a_denial_names_what_is_missing() -> None:
    answer = await registry(Asked(Denied(of("push"), "no rule lets ann do this"))).get(
        f"/v2/{NAME}/tags/list"
    )
    assert (answer.status, answer.codes) == (403, ["DENIED"])
    assert answer.json["errors"][0]["message"].endswith(f": push on repository {NAME}")
    assert "www-authenticate" not in answer.headers
    assert b"ann" not in answer.body


@pytest.mark.parametrize(("seconds", "told"), [(0.0, "1"), (0.4, "1"), (41.6, "42")])
async def test_who_guesses_is_told_when_to_come_again(seconds: float, told: str) -> None:
    answer = await registry(Asked(Throttled(seconds, "too many"))).get("/v2/")
    assert (answer.status, answer.codes, answer.headers["retry-after"]) == (429, ["TOOMANYREQUESTS"], told)


async def test_who_cannot_be_asked_is_no_yes() -> None:
    answer = await registry(Asked(Unreachable((), "http://ann:secret@keys.example"))).get("/v2/")
    assert (answer.status, answer.codes) == (503, ["UNAVAILABLE"])
    assert "retry-after" in answer.headers
    assert b"secret" not in answer.body


@pytest.mark.parametrize("failure", [RuntimeError("secret"), KeyError("secret"), TimeoutError("secret")])
async def test_a_controller_that_fails_lets_nobody_in(failure: Exception) -> None:
    controller = Asked(failure)
    for method, path in (
        ("GET", "/v2/"),
        ("POST", f"/v2/{NAME}/blobs/uploads/"),
        ("PUT", f"/v2/{NAME}/manifests/a"),
    ):
        answer = await registry(controller)(method, path)
        assert (answer.status, answer.codes) == (500, ["UNKNOWN"])
        assert b"secret" not in answer.body


@dataclass
class Ending(Asked):
    """Ends while it is asked, as when a server stops whose client has left."""

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        never: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        never.cancel()
        return await never


async def test_a_controller_that_ends_while_it_is_asked_lets_nobody_in_and_is_no_failure() -> None:
    answer = await registry(Ending()).get("/v2/")
    assert (answer.status, answer.codes) == (503, ["UNAVAILABLE"])


async def test_a_request_that_is_cancelled_while_a_controller_is_asked_ends() -> None:
    asked = asyncio.Event()

    @dataclass
    class Waiting(Asked):
        async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
            never: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
            asked.set()
            return await never

    request = asyncio.create_task(registry(Waiting()).get("/v2/"))
    await asyncio.wait_for(asked.wait(), 30)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request


async def test_an_expired_token_opens_nothing_without_an_upload() -> None:
    expired = TokenExpired(of("pull"), [Offer("Bearer", "/auth/token")], Grant("ann"), 0.0, 1e12)
    for path in ("/v2/", f"/v2/{NAME}/tags/list?_state=x", f"/v2/{NAME}/blobs/uploads/x?_state=x"):
        assert (await registry(Asked(expired)).get(path)).status == 401


async def test_a_grant_is_asked_again_for_what_is_found_later() -> None:
    """Which names a catalog shows."""
    asked: list[Access] = []

    def allows(access: Access) -> bool:
        asked.append(access)
        return access.name == "b"

    driver = InMemoryDriver()
    link = "/docker/registry/v2/repositories/{0}/_manifests/tags/x/current/link"
    await driver.write([(link.format(name), b"x") for name in "abc"])
    controller = Asked(Grant("ann", allows=allows))
    service = Service(registry=Registry(Stock(driver)), states=States(b"k" * 32), access=controller)
    answer = await Client(Endpoint(service)).get("/v2/_catalog")
    assert answer.json == {"repositories": ["b"]}
    assert asked == [Access("repository", name, LIST) for name in "abc"]


async def test_too_long_an_authorization_is_not_looked_at() -> None:
    controller = Asked(Grant())
    answer = await registry(controller).get("/v2/", authorization="Bearer " + "x" * (20 << 10))
    assert answer.status == 431
    assert controller.questions == []


async def test_who_signed_in_is_known_to_what_watches_requests() -> None:
    users = []

    class Watching:
        def begun(self, exchange: Exchange) -> None:
            assert exchange.grant.user == ""

        def ended(self, exchange: Exchange, outcome: Outcome) -> None:
            users.append((outcome.status, exchange.grant.user))

    service = Service(
        registry=Registry(Stock(InMemoryDriver())), states=States(b"k" * 32), access=Asked(Grant("ann"))
    )
    endpoint = Endpoint(service, observers=[Watching()])
    await Client(endpoint).get("/v2/")
    service.access = Asked(Challenge((), [Offer("Basic", "x")]))
    await Client(endpoint).get("/v2/", authorization="Basic Ym9iOng=")
    assert users == [(200, "ann"), (401, "")]
