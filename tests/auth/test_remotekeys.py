"""Keys under a URL, whatever their server does: it rotates them, fails, hangs, sends too much, or sends elsewhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from moorage.auth.base import Access, AuthError, Challenge, Credentials, Unreachable
from moorage.auth.keyfiles import parse_bundle, parse_public_jwks
from moorage.auth.keysources import KeySource, key_source
from moorage.auth.remotekeys import FRESH_SECONDS, PAUSE_SECONDS, STALE_SECONDS, RemoteKeys
from moorage.auth.token import TokenAccess
from moorage.auth.verification import Verifier
from tests.auth.hashing import Clock
from tests.auth.publishing import Handler, bomb, cut, endless, large, publishing, redirecting, until
from tests.auth.tokens import (
    ISSUER,
    NOW,
    SECRET,
    SERVICE,
    Private,
    certificate,
    ec_key,
    ed_key,
    jwk,
    jwks,
    pem,
    rsa_key,
    token,
)

KEY = "auth.token.jwks"
PULL = Access("repository", "team/app", "pull")
OLD, NEW = jwks(jwk(ec_key(), kid="old")), jwks(jwk(ed_key(), kid="new"))


@asynccontextmanager
async def remote(url: str, clock: Clock, patience: float = 10.0) -> AsyncIterator[RemoteKeys]:
    keys = RemoteKeys(url, KEY, parse_public_jwks, patience=patience, clock=clock)
    yield keys
    await keys.close()


def access(keys: KeySource) -> TokenAccess:
    return TokenAccess(Verifier(ISSUER, SERVICE, (), keys, clock=lambda: NOW), "/auth/token", SERVICE)


async def accepted(keys: KeySource | TokenAccess, key: Private, kid: str | None = None) -> bool:
    by = keys if isinstance(keys, TokenAccess) else access(keys)
    text = token(key, header={"kid": kid} if kid else {})
    try:
        return (await by.authorize(Credentials(f"Bearer {text}"), [PULL])).user == "ada"
    except Challenge:
        return False


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        str(vars(record).get("reason", record.msg))
        for record in caplog.records
        if record.levelno >= logging.WARNING
    ]


async def test_keys_are_asked_for_when_they_are_needed_and_once_for_all_who_wait() -> None:
    async with publishing(OLD) as publisher, remote(publisher.url, Clock()) as keys:
        assert not publisher.requests
        publisher.gate.clear()
        by = access(keys)
        waiting = [asyncio.create_task(accepted(by, ec_key(), "old")) for _ in range(50)]
        await until(lambda: bool(publisher.requests))
        waiting[0].cancel()
        publisher.gate.set()
        assert all(await asyncio.gather(*waiting[1:]))
        assert len(publisher.requests) == 1


async def test_keys_that_rotate_are_in_force_when_a_token_names_one_that_is_unknown() -> None:
    clock = Clock()
    async with publishing(OLD) as publisher, remote(publisher.url, clock) as keys:
        by = access(keys)
        assert await accepted(by, ec_key(), "old")
        publisher.content = NEW
        clock.seconds += PAUSE_SECONDS
        assert await accepted(by, ed_key(), "new")
        assert not await accepted(by, ec_key(), "old")
        assert len(publisher.requests) == 2


async def test_a_key_that_takes_the_name_of_another_is_in_force_when_a_token_needs_it() -> None:
    """Services whose keys have fixed names, such as `main`, rotate like this."""
    clock = Clock()
    async with publishing(OLD) as publisher, remote(publisher.url, clock) as keys:
        by = access(keys)
        assert await accepted(by, ec_key(), "old")
        publisher.content = jwks(jwk(ed_key(), kid="old"))
        for _ in range(10):
            assert not await accepted(by, ed_key(), "old")
        assert len(publisher.requests) == 1, "they were asked for a moment ago"
        clock.seconds += PAUSE_SECONDS
        assert await accepted(by, ed_key(), "old")
        for _ in range(10):
            assert not await accepted(by, ec_key(), "old")
        assert len(publisher.requests) == 2


async def test_unknown_names_cause_one_question_in_a_while() -> None:
    clock = Clock()
    async with publishing(OLD) as publisher, remote(publisher.url, clock) as keys:
        by = access(keys)
        assert await accepted(by, ec_key())
        for pause in range(1, 4):
            clock.seconds += PAUSE_SECONDS
            for number in range(20):
                assert not await accepted(by, rsa_key(), f"unknown {number}")
                assert not await accepted(by, rsa_key())
            assert len(publisher.requests) == 1 + pause
        assert await accepted(by, ec_key())


async def test_keys_are_renewed_beside_while_tokens_are_still_judged_by_those_of_a_moment_ago() -> None:
    clock = Clock()
    async with publishing(OLD) as publisher, remote(publisher.url, clock) as keys:
        assert await accepted(keys, ec_key(), "old")
        clock.seconds += FRESH_SECONDS
        assert await accepted(keys, ec_key(), "old")
        assert len(publisher.requests) == 1
        publisher.content = NEW
        publisher.gate.clear()
        clock.seconds += 1
        assert await accepted(keys, ec_key(), "old")
        await until(lambda: len(publisher.requests) == 2)
        publisher.gate.set()
        async with asyncio.timeout(30):
            while await accepted(keys, ec_key(), "old"):
                await asyncio.sleep(0.01)
        assert await accepted(keys, ed_key(), "new")


async def test_keys_of_long_ago_are_not_believed_before_they_are_asked_for_again() -> None:
    clock = Clock()
    async with publishing(OLD) as publisher, remote(publisher.url, clock) as keys:
        assert await accepted(keys, ec_key(), "old")
        publisher.content = NEW
        clock.seconds += STALE_SECONDS + 1
        assert not await accepted(keys, ec_key(), "old")


async def test_the_same_content_gives_the_same_keys_so_that_nothing_is_verified_anew() -> None:
    clock = Clock()
    async with publishing(OLD) as publisher, remote(publisher.url, clock) as keys:
        before = await keys.current()
        clock.seconds += STALE_SECONDS + 1
        assert await keys.current() is before
        assert len(publisher.requests) == 2


async def test_while_the_server_fails_the_last_keys_stay_and_it_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    async with publishing(OLD) as publisher, remote(publisher.url, clock) as keys:
        assert await accepted(keys, ec_key(), "old")
        publisher.status = 500
        for asked in range(2, 6):
            clock.seconds += STALE_SECONDS + 1
            assert await accepted(keys, ec_key(), "old")
            await until(lambda asked=asked: len(publisher.requests) == asked)  # type: ignore[misc]
            assert not await accepted(keys, ed_key(), "new")
        assert warnings(caplog) == ["status 500"]
        publisher.status, publisher.content = 200, NEW
        clock.seconds += PAUSE_SECONDS
        assert await accepted(keys, ed_key(), "new")
        assert caplog.records[-1].msg == "the keys of tokens are in force"
        publisher.status = 503
        clock.seconds += STALE_SECONDS + 1
        assert await accepted(keys, ed_key(), "new")
        assert warnings(caplog) == ["status 500", "status 503"]


@pytest.mark.usefixtures("patient")
async def test_without_any_keys_nobody_is_judged_and_soon_it_is_tried_again() -> None:
    clock = Clock()
    async with publishing(OLD) as publisher, remote(publisher.url, clock) as keys:
        publisher.status = 503
        for _ in range(3):
            with pytest.raises(Unreachable):
                await accepted(keys, ec_key(), "old")
        assert len(publisher.requests) == 1
        publisher.status = 200
        clock.seconds += 1
        assert await accepted(keys, ec_key(), "old")


async def test_before_the_first_keys_a_server_that_hangs_is_not_waited_for_again_and_again() -> None:
    clock = Clock()
    async with publishing(OLD) as publisher, remote(publisher.url, clock, patience=60) as keys:
        publisher.status = 500
        with pytest.raises(Unreachable):
            await keys.current()
        publisher.status = 200
        publisher.gate.clear()
        clock.seconds += 1
        # Would it wait for the answer, it would for a minute.
        with pytest.raises(Unreachable):
            await keys.current()
        publisher.gate.set()
        await keys.newer()
        assert await accepted(keys, ec_key(), "old")


async def test_where_nobody_listens_there_are_no_keys(caplog: pytest.LogCaptureFixture) -> None:
    async with publishing(OLD) as publisher:
        gone = publisher.url
    async with remote(gone, Clock()) as keys:
        with pytest.raises(Unreachable):
            await keys.current()
        assert len(warnings(caplog)) == 1


async def test_a_server_that_hangs_costs_the_first_who_ask_their_patience_and_nobody_after_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    async with publishing(OLD) as publisher, remote(publisher.url, clock) as keys:
        assert await accepted(keys, ec_key(), "old")
        keys._patience = 0.2
        publisher.gate.clear()
        clock.seconds += STALE_SECONDS + 1
        assert await accepted(keys, ec_key(), "old")
        assert warnings(caplog) == ["TimeoutError"]


async def test_while_a_question_is_open_after_a_failure_nobody_waits_and_no_other_is_asked() -> None:
    clock = Clock()
    async with publishing(OLD) as publisher, remote(publisher.url, clock, patience=60) as keys:
        before = await keys.current()
        publisher.status = 500
        clock.seconds += STALE_SECONDS + 1
        assert await keys.current() is before
        publisher.gate.clear()
        # Had these to wait, it would be for a minute each.
        async with asyncio.timeout(30):
            for _ in range(5):
                clock.seconds += PAUSE_SECONDS
                assert await keys.current() is before
                await until(lambda: len(publisher.requests) >= 3)
            publisher.status, publisher.content = 200, NEW
            publisher.gate.set()
            while await keys.current() is before:
                await asyncio.sleep(0.01)
        assert len(publisher.requests) == 3


async def test_a_question_that_is_open_does_not_hold_up_the_end() -> None:
    async with publishing(OLD) as publisher, remote(publisher.url, Clock()) as keys:
        publisher.gate.clear()
        waiting = asyncio.create_task(keys.current())
        await until(lambda: bool(publisher.requests))
        await keys.close()
        await asyncio.wait([waiting], timeout=10)
        assert waiting.done()
        assert waiting.cancelled() or isinstance(waiting.exception(), Unreachable)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (endless, "more than 262144 bytes"),
        (large, "more than 262144 bytes"),
        (bomb, "not UTF-8"),
        (cut, "ClientPayloadError"),
    ],
)
async def test_too_much_and_too_little_are_no_keys(
    handler: Callable[[bytes], Handler], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with publishing(OLD) as publisher, remote(publisher.url, clock) as keys:
        publisher.handler = handler(OLD)
        with pytest.raises(Unreachable):
            await keys.current()
        assert warnings(caplog) == [reason]
        publisher.handler = None
        clock.seconds += 1
        assert await accepted(keys, ec_key(), "old")


async def test_what_is_no_set_of_keys_changes_nothing() -> None:
    clock = Clock()
    for status, content in (
        *((200, content) for content in (b"", b"<html>sign in</html>", b'{"keys": []}', b"[]", b"\xff", b"[" * 200_000)),
        *((status, NEW) for status in (201, 203, 206, 300, 401, 404, 429, 502)),
        (204, b""), (304, b""),
    ):  # fmt: skip
        async with publishing(OLD) as publisher, remote(publisher.url, clock) as keys:
            before = await keys.current()
            publisher.status, publisher.content = status, content
            clock.seconds += STALE_SECONDS + 1
            assert await keys.current() is before
            assert len(publisher.requests) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_on_the_same_server_is_followed_with_the_same_credentials(status: int) -> None:
    async with publishing(OLD) as publisher:
        publisher.handler = redirecting("/there", OLD, status)
        async with remote(publisher.url.replace("http://", "http://s3cr3t:s3cr3t@"), Clock()) as keys:
            assert await accepted(keys, ec_key(), "old")
            authorizations = [request.headers.get("Authorization") for request in publisher.requests]
            assert len(authorizations) == 2
            assert authorizations[0] == authorizations[1] == "Basic czNjcjN0OnMzY3IzdA=="


async def test_a_redirect_to_another_server_is_not_followed(caplog: pytest.LogCaptureFixture) -> None:
    async with publishing(OLD) as publisher, publishing(OLD) as other:
        for target in (
            other.url, other.url.replace("127.0.0.1", "localhost"), publisher.url.replace("http:", "https:"), other.url.removeprefix("http:"),
            "file:///etc/passwd", "", "http://", "http://[", "//", "/keys",
        ):  # fmt: skip
            publisher.handler = redirecting(target, OLD)
            publisher.requests.clear()
            async with remote(publisher.url, Clock()) as keys:
                with pytest.raises(Unreachable):
                    await keys.current()
            assert 1 <= len(publisher.requests) <= 4, target
        assert not other.requests
        assert len(warnings(caplog)) == 10


async def test_what_the_url_has_of_secrets_is_never_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    clock = Clock()
    async with publishing(OLD) as publisher:
        url = publisher.url.replace("http://", "http://s3cr3t:s3cr3t@") + "?token=s3cr3t#s3cr3t"
        async with remote(url, clock) as keys:
            said = [repr(keys)]
            for status, content in ((500, b""), (200, b"s3cr3t"), (200, jwks(jwk(SECRET))), (200, OLD)):
                publisher.status, publisher.content = status, content
                clock.seconds += PAUSE_SECONDS
                try:
                    await keys.current()
                except Unreachable as error:
                    said.append(f"{error} {error!r}")
    # Nobody listens there any more.
    async with remote(url, clock) as keys:
        with pytest.raises(Unreachable):
            await keys.current()
    said += [
        f"{record.getMessage()} {vars(record)}"
        for record in caplog.records
        if record.name.startswith("moorage")
    ]
    assert len(said) >= 6
    assert not any("s3cr3t" in line for line in said)
    for broken in ("http://s3cr3t:s3cr3t@", "https://", "http://s3cr3t:s3cr3t@[", "HTTP://"):
        with pytest.raises(AuthError) as caught:
            key_source(None, broken)
        assert str(caught.value).startswith("auth.token.jwks: ")
        assert "s3cr3t" not in f"{caught.value} {caught.value.__cause__!r}"


async def test_a_secret_that_is_published_is_not_trusted(caplog: pytest.LogCaptureFixture) -> None:
    async with publishing(OLD) as publisher, remote(publisher.url, Clock()) as keys:
        publisher.content = jwks(
            jwk(SECRET, kid="secret"), jwk(rsa_key(7, 1024), kid="weak"), jwk(ec_key(), kid="old")
        )
        assert await accepted(keys, ec_key(), "old")
        text = token(SECRET, header={"kid": "secret"})
        with pytest.raises(Challenge):
            await access(keys).authorize(Credentials(f"Bearer {text}"), [PULL])
        assert len(warnings(caplog)) == 2


async def test_certificates_may_come_from_a_url_too() -> None:
    clock = Clock()
    async with publishing(OLD) as publisher:
        publisher.content = pem(certificate("signer", rsa_key()))
        keys = RemoteKeys(publisher.url, KEY, parse_bundle, clock=clock)
        assert await accepted(keys, rsa_key())
        publisher.content = pem(certificate("signer", ec_key()))
        clock.seconds += PAUSE_SECONDS
        assert await accepted(keys, ec_key())
        assert not await accepted(keys, rsa_key())
        await keys.close()
