"""`/auth/token`: what is asked reaches the token service, and what it says reaches the client."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from starlette.types import Message, Receive, Scope, Send

from moorage.api.endpoint import Endpoint
from moorage.api.limits import Limits
from moorage.api.resume import States
from moorage.api.service import Service
from moorage.auth.base import (
    AccessRefused,
    Challenge,
    Credentials,
    Offer,
    Throttled,
    TokenRequestInvalid,
    TokenService,
    Unreachable,
)
from moorage.drivers.inmemory import InMemoryDriver
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from tests.api.client import Client

ANSWER: Final = {"token": "a", "access_token": "a", "expires_in": 300}
PEER: Final = "192.0.2.1"


@dataclass
class Asked:
    """A token service that keeps what it is asked."""

    failure: AccessRefused | TokenRequestInvalid | None = None
    questions: list[Any] = field(default_factory=list)

    async def get(
        self,
        credentials: Credentials,
        *,
        service: str | None,
        scopes: Sequence[str],
        account: str | None,
        offline: bool,
    ) -> Mapping[str, Any]:
        self.questions.append((credentials, service, list(scopes), account, offline))
        return self._answer()

    async def post(self, form: Mapping[str, str], credentials: Credentials) -> Mapping[str, Any]:
        self.questions.append((credentials, dict(form)))
        return self._answer()

    def _answer(self) -> Mapping[str, Any]:
        if self.failure is not None:
            raise self.failure
        return ANSWER


class Ending(Asked):
    """Ends while it is asked."""

    def _answer(self) -> Mapping[str, Any]:
        raise asyncio.CancelledError


def registry(tokens: TokenService | None, limits: Limits | None = None) -> Client:
    service = Service(
        registry=Registry(Stock(InMemoryDriver())),
        states=States(b"k" * 32),
        tokens=tokens,
        limits=limits or Limits(),
    )
    return Client(Endpoint(service))


async def test_a_form_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moorage.api.tokens.FORM_SECONDS", 0.01)
    client = registry(Asked())

    async def withheld(scope: Scope, receive: Receive, send: Send) -> None:
        await client.app(scope, asyncio.Event().wait, send)  # type: ignore[arg-type]

    answer = await Client(withheld)("POST", "/auth/token", b"grant_type=password")
    assert answer.status == 408
    assert "form" in answer.json["errors"][0]["message"]


async def test_a_form_that_gives_way_takes_no_place_from_those_after_it() -> None:
    client = registry(Asked(), Limits(reads=48))
    begun = 0

    async def receive() -> Message:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def withheld(scope: Scope, _: Receive, send: Send) -> None:
        await client.app(scope, receive, send)

    forms = [asyncio.create_task(Client(withheld)("POST", "/auth/token", b"x")) for _ in range(4)]
    async with asyncio.timeout(30):
        assert (await forms[0]).status == 503
    assert begun == 4, "it is not waited for again"
    assert not any(one.done() for one in forms[1:])
    for one in forms[1:]:
        one.cancel()
    await asyncio.gather(*forms, return_exceptions=True)


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", (None, [], None, False)),
        ("service=hub&scope=a&account=ann", ("hub", ["a"], "ann", False)),
        ("scope=a:b:pull&scope=c:d:push", (None, ["a:b:pull", "c:d:push"], None, False)),
        ("scope=a:b:pull%20c:d:push", (None, ["a:b:pull c:d:push"], None, False)),
        ("scope=a:b:pull+c:d:push", (None, ["a:b:pull c:d:push"], None, False)),
        ("offline_token=true&client_id=docker", (None, [], None, True)),
        ("offline_token=1", (None, [], None, False)),
        ("scope=", (None, [""], None, False)),
    ],
)
async def test_a_query_is_a_question(query: str, asked: tuple[Any, ...]) -> None:
    service = Asked()
    answer = await registry(service).get(f"/auth/token?{query}", authorization="Basic x")
    assert (answer.status, answer.json) == (200, ANSWER)
    assert service.questions == [(Credentials("Basic x", PEER), *asked)]


async def test_nobody_keeps_a_token_that_is_not_for_him() -> None:
    answer = await registry(Asked()).get("/auth/token")
    assert answer.headers["cache-control"] == "no-store"


async def test_a_form_is_a_question() -> None:
    service = Asked()
    form = {"grant_type": "password", "username": "ann", "password": "a b+c&d=é", "scope": ""}
    for body in (urlencode(form).encode(), [urlencode(form).encode()[:20], urlencode(form).encode()[20:]]):
        answer = await registry(service)("POST", "/auth/token", body)
        assert (answer.status, answer.json) == (200, ANSWER)
        assert answer.headers["cache-control"] == "no-store"
    assert service.questions == [(Credentials("", PEER), form)] * 2


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        "password=é".encode(),
        b"a=b&" * 51,
        b"a=" + b"x" * (64 << 10),
        [b"x" * 1_000] * 70,
    ],
)
async def test_what_is_no_form_is_refused_with_a_word_about_forms(body: bytes | Iterable[bytes]) -> None:
    service = Asked()
    answer = await registry(service)("POST", "/auth/token", body)
    assert (answer.status, answer.codes) == (400, ["UNSUPPORTED"])
    assert "form" in answer.json["errors"][0]["message"]
    assert service.questions == []


async def test_a_question_may_be_about_thousands_of_repositories() -> None:
    service = Asked()
    scopes = [f"repository:r{number}:pull" for number in range(2000)]
    answer = await registry(service).get("/auth/token?" + "&".join(f"scope={scope}" for scope in scopes))
    assert answer.status == 200
    assert service.questions[0][2] == scopes
    assert (
        await registry(service)("POST", "/auth/token", f"scope={'+'.join(scopes)}".encode())
    ).status == 200
    assert service.questions[1][1] == {"scope": " ".join(scopes)}


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("scope=" + "a" * (60 << 10), 431, "longer than 61440 bytes: ask for fewer repositories"),
        ("scope=a&" * 2010, 400, "more than 2010 parameters"),
    ],
)
async def test_a_question_that_is_too_long_is_refused_with_the_limit(
    query: str, status: int, reason: str
) -> None:
    service = Asked()
    answer = await registry(service).get(f"/auth/token?{query}")
    assert (answer.status, service.questions) == (status, [])
    assert answer.json["errors"][0]["message"].endswith(reason)


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (Challenge((), [Offer("Basic", "Hub")], "secret"), 401, "UNAUTHORIZED"),
        (Throttled(30, "secret"), 429, "TOOMANYREQUESTS"),
        (Unreachable((), "secret"), 503, "UNAVAILABLE"),
        (TokenRequestInvalid("invalid_scope", "not a scope"), 400, "UNSUPPORTED"),
    ],
)
async def test_a_refusal_is_told(
    failure: AccessRefused | TokenRequestInvalid, status: int, code: str
) -> None:
    for method in ("GET", "POST"):
        answer = await registry(Asked(failure))(method, "/auth/token")
        assert (answer.status, answer.codes) == (status, [code])
        assert b"secret" not in answer.body
        assert "token" not in answer.json
    if status == 401:
        assert answer.headers["www-authenticate"] == 'Basic realm="Hub"'
    if status == 400:
        assert answer.json["errors"][0]["message"] == "invalid_scope: not a scope"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (
            Challenge((), [Offer("Basic", "Hub")], "wrong user name or password"),
            "wrong user name or password",
        ),
        (TokenRequestInvalid("invalid_grant", "it has expired"), "it has expired"),
        (TokenRequestInvalid("invalid_scope", "not a scope"), None),
    ],
)
async def test_the_log_says_why_a_login_was_refused_but_not_what_was_wrong_with_a_question(
    failure: AccessRefused | TokenRequestInvalid,
    reason: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for request in ({"body": b"grant_type=password"}, {"headers": {"authorization": "Basic YTpi"}}):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            await registry(Asked(failure))("POST" if "body" in request else "GET", "/auth/token", **request)
        told = [vars(one)["reason"] for one in caplog.records if one.name == "moorage.api.refusals"]
        assert told == ([] if reason is None else [reason])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_where_tokens_come_from_elsewhere_there_is_no_such_route(method: str) -> None:
    assert (await registry(None)(method, "/auth/token")).status == 404


@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_told_which_there_are(method: str) -> None:
    answer = await registry(Asked())(method, "/auth/token")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_token_service_that_ends_while_it_is_asked_is_no_failure() -> None:
    for method in ("GET", "POST"):
        answer = await registry(Ending())(method, "/auth/token")
        assert (answer.status, answer.codes) == (503, ["UNAVAILABLE"])
