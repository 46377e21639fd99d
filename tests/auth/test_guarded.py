"""Whatever a controller of another package does, nobody gets in whom it has not let in."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.auth.base import (
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
from moorage.auth.guarded import Guarded

PULL = [Access("repository", "team/app", "pull")]
LOGIN = Credentials(f"Basic {base64.b64encode(b'ada:open sesame, please').decode()}")
LEFT_OUT = "left out, for it repeats something of the credentials"

Does = Callable[[Credentials], Any]


class Controller:
    """`does` is all it does; `closes` when it is closed."""

    def __init__(self, does: Does, closes: Callable[[], Any] = lambda: None) -> None:
        self._does = does
        self._closes = closes

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Any:
        found = self._does(credentials)
        return await found if asyncio.iscoroutine(found) else found

    async def close(self) -> None:
        found = self._closes()
        if asyncio.iscoroutine(found):
            await found


def guarded(does: Does, closes: Callable[[], Any] = lambda: None, seconds: float = 5.0) -> Guarded:
    return Guarded(Controller(does, closes), "example", seconds)


def raising(error: BaseException) -> Does:
    def does(_: Credentials) -> Any:
        raise error

    return does


async def test_a_grant_is_given_as_it_is() -> None:
    grant = Grant("ada", frozenset({"builders"}))
    assert await guarded(lambda _: grant).authorize(LOGIN, PULL) is grant


@pytest.mark.parametrize(
    "refused",
    [
        Challenge(PULL, [Offer("Basic", "x")]),
        Denied(PULL),
        Throttled(5),
        Unreachable(),
        AccessRefused(),
        TokenExpired(PULL, [Offer("Bearer", "x")], Grant("ada"), 1, 2),
    ],
    ids=lambda refused: type(refused).__name__,
)
async def test_a_refusal_is_given_as_it_is(refused: AccessRefused, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AccessRefused) as caught:
        await guarded(raising(refused)).authorize(LOGIN, PULL)
    assert caught.value is refused
    assert not caplog.records


@pytest.mark.parametrize(
    "refused",
    [
        Challenge(PULL, []),
        Challenge(PULL, ["Basic"]),  # type: ignore[list-item]
        Throttled(None),  # type: ignore[arg-type]
        TokenExpired(PULL, [], Grant("ada"), 1, 2),
    ],
    ids=["no offer", "an offer of text", "no time", "expired without an offer"],
)
async def test_a_refusal_that_no_client_could_be_told_is_a_failure(
    refused: AccessRefused, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Unreachable):
        await guarded(raising(refused)).authorize(LOGIN, PULL)
    assert "the access controller failed" in caplog.text


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        KeyError("x"),
        OSError(5, "x"),
        TimeoutError(),
        asyncio.CancelledError(),
        StopIteration(),
        RecursionError(),
        MemoryError(),
        SystemExit(0),
        AssertionError(),
        ExceptionGroup("x", [ValueError()]),
        Unspeakable(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_any_other_error_lets_nobody_in(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    for wanted in (PULL, []):
        with pytest.raises(Unreachable) as caught:
            await guarded(raising(error)).authorize(LOGIN, wanted)
        assert caught.value.wanted == tuple(wanted)
    assert "the access controller failed, so nobody gets in by it" in caplog.text


@pytest.mark.parametrize(
    "found",
    [
        None,
        True,
        1,
        "ada",
        {"user": "ada"},
        Grant,
        object(),
        Grant(None),  # type: ignore[arg-type]
        Grant(b"ada"),  # type: ignore[arg-type]
        Grant("ada", {"builders"}),  # type: ignore[arg-type]
        Grant("ada", ["builders"]),  # type: ignore[arg-type]
        Grant("ada", frozenset({1})),  # type: ignore[arg-type]
        Grant("ada", allows=None),  # type: ignore[arg-type]
    ],
    ids=[
        *("none", "true", "number", "text", "mapping", "class", "object", "no user", "user of bytes"),
        *("set", "list", "groups of numbers", "allows nothing"),
    ],
)
async def test_what_is_no_grant_lets_nobody_in(found: Any) -> None:
    with pytest.raises(Unreachable):
        await guarded(lambda _: found).authorize(LOGIN, PULL)
    with pytest.raises(Unreachable):
        await guarded(raising(TokenExpired(PULL, [], found, 1, 2))).authorize(LOGIN, PULL)


async def test_what_a_grant_allows_must_be_said_plainly() -> None:
    """A coroutine is true, whatever would come of it."""
    answers = {"pull": True, "push": 1, "delete": "yes", "other": [1], "none": None, "never": False}
    grants = [
        await guarded(lambda _: Grant("ada", allows=lambda access: answers[access.action])).authorize(  # type: ignore[arg-type,return-value]
            LOGIN, PULL
        )
    ]
    late = Grant("ada", allows=lambda access: answers[access.action])  # type: ignore[arg-type,return-value]
    with pytest.raises(TokenExpired) as caught:
        await guarded(raising(TokenExpired([], [Offer("Bearer", "x")], late, 1, 2))).authorize(LOGIN, PULL)
    for grant in [*grants, caught.value.grant]:
        allowed = {action for action in answers if grant.allows(Access("repository", "team/app", action))}
        assert allowed == {"pull"}
        assert not grant.unlimited


async def test_who_does_not_answer_in_time_lets_nobody_in(caplog: pytest.LogCaptureFixture) -> None:
    made = guarded(lambda _: asyncio.sleep(60), seconds=0.05)
    found = await asyncio.gather(*(made.authorize(LOGIN, PULL) for _ in range(10)), return_exceptions=True)
    assert {type(one) for one in found} == {Unreachable}
    (record,) = [vars(record) for record in caplog.records]
    assert record["reason"] == "no answer within 0.05 seconds"
    assert "test_guarded.py" in record["at"], "where it waited"


async def test_a_request_that_is_cancelled_stays_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    request = asyncio.create_task(guarded(lambda _: asyncio.sleep(60)).authorize(LOGIN, PULL))
    await asyncio.sleep(0.01)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert not caplog.records


async def test_a_failure_is_told_once_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    made = guarded(lambda _: json.loads("{"))
    for _ in range(5):
        with pytest.raises(Unreachable, match="example failed: JSONDecodeError"):
            await made.authorize(LOGIN, PULL)
    (record,) = [vars(record) for record in caplog.records]
    assert record["levelno"] == logging.ERROR
    assert record["controller"] == "example"
    assert record["failure"] == "JSONDecodeError"
    assert record["reason"].startswith("Expecting property name")
    assert "test_guarded.py:" in record["at"]
    assert record["at"].split()[-1].startswith("decoder.py:")


@pytest.mark.parametrize(
    "says",
    [
        lambda credentials: credentials.authorization,
        lambda credentials: credentials.authorization.partition(" ")[2][4:20],
        lambda _: "no user with the password open sesame, please",
        lambda _: "invalid literal: 'sesame, p'",
        lambda _: "first line\nopen sesame, please",
    ],
)
async def test_the_log_has_nothing_of_the_credentials(
    says: Callable[[Credentials], str], caplog: pytest.LogCaptureFixture
) -> None:
    def does(credentials: Credentials) -> None:
        raise ValueError(says(credentials))

    with pytest.raises(Unreachable) as caught:
        await guarded(does).authorize(LOGIN, PULL)
    (record,) = [vars(record) for record in caplog.records]
    assert record["reason"] == LEFT_OUT
    assert record["exc_info"] is None
    for text in (str(caught.value), repr(record)):
        assert "sesame" not in text
        assert LOGIN.authorization[10:18] not in text
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__, "whoever logs it with its traceback does not show it either"


class Told(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.reasons: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.reasons.append(vars(record)["reason"])


words = st.text(st.characters(exclude_categories=["C"]), max_size=40)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(words.filter(str.strip), words, words)
async def test_no_password_gets_into_a_reason(password: str, before: str, after: str) -> None:
    told = Told()
    log = logging.getLogger("moorage.auth.guarded")
    log.addHandler(told)
    try:
        encoded = base64.b64encode(f"ada:{password}".encode()).decode()
        with pytest.raises(Unreachable):
            await guarded(raising(ValueError(before + password + after))).authorize(
                Credentials(f"Basic {encoded}"), PULL
            )
    finally:
        log.removeHandler(told)
    assert told.reasons == [LEFT_OUT] or " ".join(password.split()) not in told.reasons[0]


async def test_the_reason_of_a_refusal_which_is_logged_has_nothing_of_the_credentials() -> None:
    for reason, shown in (("no team ada", "no team ada"), ("it is open sesame, please", LEFT_OUT)):
        with pytest.raises(Denied) as caught:
            await guarded(raising(Denied(PULL, reason))).authorize(LOGIN, PULL)
        assert str(caught.value) == shown


async def test_closing_never_fails(caplog: pytest.LogCaptureFixture) -> None:
    closed: list[str] = []
    await guarded(lambda _: None, lambda: closed.append("closed")).close()
    assert closed == ["closed"]

    def fails() -> None:
        raise OSError("x")

    await guarded(lambda _: None, fails).close()
    await guarded(lambda _: None, lambda: asyncio.sleep(60), seconds=0.05).close()
    assert [record.getMessage() for record in caplog.records] == [
        "the access controller cannot be closed"
    ] * 2
