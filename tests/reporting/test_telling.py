"""What is told of a request, and which texts are."""

from __future__ import annotations

import base64

import pytest

from moorage.observe.redaction import LEFT_OUT, LONGEST, Redaction, secrets
from moorage.reporting.report import Request
from tests.reporting.asked import exchange


def basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


def test_a_request_is_told_without_its_query_and_bounded() -> None:
    told = Request.of(
        exchange(
            "/v2/someone:password@host/x\x1b[31m/tags/list",
            "token=secret",
            [(b"user-agent", b"agent/" + b"x" * 5000), (b"x-request-id", b"abc"), (b"cookie", b"a=secret")],
            user="blue",
        )
    )
    assert told.path == "/v2/***@host/x[31m/tags/list"
    assert (told.id, told.method, told.user, told.address) == ("abc", "GET", "blue", "192.0.2.7")
    assert len(told.agent) == LONGEST
    assert "secret" not in repr(told)


def test_a_user_agent_in_utf_8_is_told_as_it_was_written() -> None:
    asked = exchange(headers=[(b"user-agent", "Düse/1.0 €".encode())])
    assert Request.of(asked).agent == "Düse/1.0 €"


@pytest.mark.parametrize(("peer", "address"), [("198.51.100.1", "203.0.113.9"), ("192.0.2.7", "192.0.2.7")])
def test_the_address_is_that_of_the_client_of_a_trusted_proxy(peer: str, address: str) -> None:
    asked = exchange(headers=[(b"x-forwarded-for", b"203.0.113.9")], client=(peer, 9))
    assert Request.of(asked).address == address


def test_a_client_without_an_address_has_none() -> None:
    assert Request.of(exchange(client=None)).address == ""


def test_the_secrets_of_a_request_are_those_that_let_somebody_in() -> None:
    asked = exchange(
        query="n=10&last=blue/app&_state=the-state&token=the%20token&mount=sha256:00",
        headers=[
            (b"authorization", basic("blue", "the:password")),
            (b"authorization", b"Bearer the-bearer"),
            (b"proxy-authorization", b"opaque"),
            (b"cookie", b"a=the-cookie; b=other-cookie"),
            (b"accept", b"application/json"),
        ],
    )
    found = [secret.strip() for secret in secrets(asked.scope)]
    expected = {
        "the:password",
        "the-bearer",
        "opaque",
        "the-cookie",
        "other-cookie",
        "the-state",
        "the token",
    }
    assert expected | {basic("blue", "the:password").partition(b" ")[2].decode()} == set(found)


def test_a_secret_at_the_end_of_a_long_query_is_known() -> None:
    asked = exchange(query="n=1&" * (LONGEST // 2) + "password=correct-horse-battery")
    assert "correct-horse-battery" in set(secrets(asked.scope))


@pytest.mark.parametrize("header", [b"Basic !", b"Basic", b"", b"Basic " + base64.b64encode(b"nobody")])
def test_credentials_that_are_none_hinder_nothing(header: bytes) -> None:
    asked = exchange(headers=[(b"authorization", header), (b"cookie", b"session=a-long-cookie")])
    assert "a-long-cookie" in set(secrets(asked.scope))


@pytest.mark.parametrize(
    "text",
    [
        "cannot judge correct-horse-battery",
        "x" * 500 + "correct-horse",
        "'horse-battery' is no integer",
        "KeyError: pin7",
    ],
)
def test_a_text_that_repeats_a_secret_or_a_part_of_it_is_left_out(text: str) -> None:
    assert Redaction(["correct-horse-battery", "pin7"])(text) == LEFT_OUT


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no such file: /v2/blue", "no such file: /v2/blue"),
        ("a horse and a battery", "a horse and a battery"),
        ("cannot connect to redis://user:password@host:6379/0", "cannot connect to redis://***@host:6379/0"),
        ("got Bearer abcdefghijkl from it", "got Bearer *** from it"),
        ("header 'basic YWJjZGVmZ2hpag=='", "header 'basic ***'"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_ is old", "token *** is old"),
        ("", ""),
    ],
)
def test_other_texts_are_told_without_what_looks_like_credentials(text: str, told: str) -> None:
    assert Redaction(["correct-horse-battery", "", "  "])(text) == told


def test_texts_have_bounds() -> None:
    assert len(Redaction([])("x" * 100_000)) == LONGEST
