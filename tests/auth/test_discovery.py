from __future__ import annotations

import asyncio
import gzip
import logging
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.auth.base import AuthError, Unreachable
from moorage.auth.discovery import ProviderKeys, jwks_uri
from moorage.auth.keys import KeyUnknown, TrustedKeys
from moorage.auth.remotekeys import FIRST_PAUSE_SECONDS, PAUSE_SECONDS, STALE_SECONDS
from tests.auth.openid import Clock
from tests.auth.provider import DOCUMENT, KEYS, Answer, Provider, answering, dripping, hanging, running
from tests.auth.tokens import certificate, ec_key, jwk, pem

ISSUER = "https://provider.example"
MOVED = "/moved"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running() as found:
        yield found


def names(keys: TrustedKeys) -> set[str]:
    """Which of the names that these tests use are known."""
    found = set()
    for name in ("first", "second"):
        try:
            keys.candidates("ES256", name)
        except KeyUnknown:
            continue
        found.add(name)
    return found


@pytest.mark.parametrize("path", ["", "/", "/realms/acme", "/realms/acme/"])
async def test_keys_are_found_below_the_name_of_the_provider(path: str) -> None:
    with running(path) as provider:
        below = path.removesuffix("/") + DOCUMENT
        said = {"issuer": provider.issuer, "jwks_uri": provider.address + KEYS}
        provider.answers[below] = answering(said)
        keys = ProviderKeys(provider.issuer, "auth.oidc.issuer")
        assert provider.asked == [], "nobody is asked before there is a token"
        assert names(await keys.current()) == {"first"}
        assert provider.asked == [below, KEYS]
        await keys.close()


async def test_many_who_wait_ask_once(provider: Provider) -> None:
    keys = ProviderKeys(provider.issuer, "key")
    found = await asyncio.gather(*(keys.current() for _ in range(50)))
    assert len(set(map(id, found))) == 1
    assert provider.asked == [DOCUMENT, KEYS]
    await keys.close()


async def test_who_leaves_does_not_take_the_answer_from_the_others(provider: Provider) -> None:
    keys = ProviderKeys(provider.issuer, "key")
    leaving, staying = asyncio.create_task(keys.current()), asyncio.create_task(keys.current())
    while not provider.asked:
        await asyncio.sleep(0.001)
    leaving.cancel()
    assert names(await staying) == {"first"}
    await keys.close()


async def test_a_new_key_is_found_when_a_token_needs_it(provider: Provider) -> None:
    clock = Clock()
    keys = ProviderKeys(provider.issuer, "key", clock=clock)
    await keys.current()
    provider.keys = {"second": ec_key(2)}
    assert names(await keys.newer()) == {"first"}, "they were asked for a moment ago"
    clock.now += PAUSE_SECONDS
    assert names(await keys.newer()) == {"second"}
    await keys.close()


async def test_however_many_tokens_need_unknown_keys_the_provider_is_asked_now_and_then(
    provider: Provider,
) -> None:
    clock = Clock()
    keys = ProviderKeys(provider.issuer, "key", clock=clock)
    await keys.current()
    provider.asked.clear()
    clock.now += PAUSE_SECONDS
    await asyncio.gather(*(keys.newer() for _ in range(100)))
    for _ in range(100):
        await keys.newer()
    assert provider.asked == [DOCUMENT, KEYS]
    await keys.close()


async def test_keys_that_moved_are_found_at_their_new_place(provider: Provider) -> None:
    clock = Clock()
    keys = ProviderKeys(provider.issuer, "key", clock=clock)
    await keys.current()
    provider.document["jwks_uri"] = provider.address + MOVED
    provider.answers[MOVED] = answering({"keys": [jwk(ec_key(2), kid="second")]})
    clock.now += STALE_SECONDS + 1
    while names(await keys.current()) != {"second"}:
        await asyncio.sleep(0.001)
    await keys.close()


async def test_while_there_is_nothing_at_the_new_place_the_old_keys_stay_in_force(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    keys = ProviderKeys(provider.issuer, "key", clock=clock)
    await keys.current()
    provider.document["jwks_uri"] = provider.address + MOVED
    clock.now += STALE_SECONDS + 1
    assert names(await keys.newer()) == {"first"}
    assert MOVED in provider.asked
    assert "the keys of tokens cannot be loaded; those that came last stay in force" in caplog.text
    await keys.close()


@pytest.mark.usefixtures("patient")
async def test_nobody_is_let_in_before_the_provider_has_answered_once(provider: Provider) -> None:
    clock = Clock()
    provider.stop()
    keys = ProviderKeys(provider.issuer, "key", clock=clock)
    for _ in range(3):
        with pytest.raises(Unreachable, match="no keys have come from"):
            await keys.current()
    provider.start()
    clock.now += FIRST_PAUSE_SECONDS
    assert names(await keys.current()) == {"first"}
    await keys.close()


async def test_what_it_said_last_stays_in_force_while_the_provider_is_down(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    keys = ProviderKeys(provider.issuer, "key", clock=clock)
    before = await keys.current()
    provider.stop()
    for _ in range(5):
        clock.now += STALE_SECONDS
        assert await keys.newer() is before
        assert await keys.current() is before
    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 2, "once for the document and once for the keys, not after each question"
    provider.start()
    clock.now += STALE_SECONDS
    provider.keys = {"second": ec_key(2)}
    assert names(await keys.newer()) == {"second"}
    await keys.close()


async def test_where_keys_are_is_not_enough_without_any(provider: Provider) -> None:
    provider.answers[KEYS] = answering(status=500)
    keys = ProviderKeys(provider.issuer, "key")
    with pytest.raises(Unreachable):
        await keys.current()
    await keys.close()


def lies(provider: Provider) -> dict[str, Answer]:
    """What is no document of this provider."""
    right = {"issuer": provider.issuer, "jwks_uri": provider.address + KEYS}
    twice = b'{"issuer": "%s", "issuer": "%s", "jwks_uri": "%s"}' % (
        b"https://other.example",
        provider.issuer.encode(),
        right["jwks_uri"].encode(),
    )
    return {
        "another issuer": answering({**right, "issuer": "https://other.example"}),
        "a slash more": answering({**right, "issuer": provider.issuer + "/"}),
        "no issuer": answering({"jwks_uri": right["jwks_uri"]}),
        "a list for an issuer": answering({**right, "issuer": [provider.issuer]}),
        "no jwks_uri": answering({"issuer": provider.issuer}),
        "a name twice": answering(twice),
        "a list": answering([right]),
        "no JSON": answering(b"<html>"),
        "nothing": answering(),
        "no UTF-8": answering(b"\xff\xfe{}"),
        "deep nesting": answering(b"[" * 100_000),
        "an error": answering(right, status=500),
        "not modified": answering(status=304),
        "redirection to another port": answering(
            status=302, headers={"Location": f"http://127.0.0.1:1{DOCUMENT}"}
        ),
        "redirection to another host": answering(
            status=307, headers={"Location": f"http://localhost{DOCUMENT}"}
        ),
        "redirection in a circle": answering(status=301, headers={"Location": DOCUMENT}),
        "redirection to a file": answering(status=302, headers={"Location": "file:///etc/passwd"}),
        "redirection to nowhere": answering(status=302),
        "a megabyte": answering({**right, "padding": "x" * (1 << 20)}),
        "compression": answering(
            gzip.compress(b'{"issuer": "%s"}' % provider.issuer.encode()),
            headers={"Content-Encoding": "gzip"},
        ),
    }


LIES = list(lies(Provider()))


@pytest.mark.parametrize("lie", LIES)
async def test_what_is_no_document_of_the_provider_is_not_believed(provider: Provider, lie: str) -> None:
    clock = Clock()
    fresh, before = ProviderKeys(provider.issuer, "key"), ProviderKeys(provider.issuer, "key", clock=clock)
    known = await before.current()
    provider.asked.clear()
    provider.answers[DOCUMENT] = lies(provider)[lie]
    with pytest.raises(Unreachable):
        await fresh.current()
    assert set(provider.asked) == {DOCUMENT}, "it leads nowhere"
    clock.now += STALE_SECONDS + 1
    assert await before.newer() is known, "and changes nothing"
    await fresh.close()
    await before.close()


@pytest.mark.parametrize(
    "place",
    [
        "http://provider.example/keys",
        "file:///etc/passwd",
        "ftp://provider.example/keys",
        "/keys",
        "keys",
        "",
        "https://",
        "https:///keys",
        "https://[::1/keys",
        "https://a:b@provider.example/keys",
        "https://a@provider.example/keys",
    ],
)
def test_keys_are_at_an_https_url_without_a_user(place: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        jwks_uri(_document(ISSUER, place), ISSUER)


def test_keys_may_be_on_another_host_as_those_of_large_providers_are() -> None:
    place = "https://keys.example/v3/certs"
    assert jwks_uri(_document(ISSUER, place), ISSUER) == place


def test_keys_of_a_provider_over_plain_http_may_be_there_too() -> None:
    issuer, place = "http://localhost:8080/realms/acme", "http://localhost:8080/realms/acme/certs"
    assert jwks_uri(_document(issuer, place), issuer) == place


def test_who_writes_the_issuer_a_little_differently_is_told_how_the_provider_does() -> None:
    with pytest.raises(ValueError, match=r"calls itself 'https://provider\.example/'"):
        jwks_uri(_document(ISSUER + "/", ISSUER), ISSUER)


def _document(issuer: str, place: str) -> bytes:
    return f'{{"issuer": "{issuer}", "jwks_uri": "{place}"}}'.encode()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_random_bytes_are_no_document(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".|$"):
        jwks_uri(content, ISSUER)


@pytest.mark.parametrize(
    "issuer",
    [
        "provider.example",
        "ftp://provider.example",
        "https://",
        "https://a:secret-word@provider.example",
        "https://provider.example?tenant=secret-word",
        "https://provider.example/#secret-word",
        "https://[::1",
        "",
    ],
)
def test_what_cannot_be_the_name_of_a_provider_is_said_at_start_without_repeating_it(issuer: str) -> None:
    with pytest.raises(AuthError, match=r"^auth\.oidc\.issuer: is no name of a provider") as caught:
        ProviderKeys(issuer, "auth.oidc.issuer")
    assert "secret-word" not in str(caught.value)


def test_a_provider_over_plain_http_elsewhere_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    ProviderKeys("http://127.0.0.1:8080", "key")
    assert not caplog.records
    ProviderKeys("http://provider.example", "key")
    assert "plain HTTP" in caplog.text


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Provider, Path]]:
    """A provider with TLS, and the file of the authority that it is certified by."""
    now, key = time.time(), ec_key(7)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    root = certificate("authority", ec_key(8), authority=True, start=now - 60, end=now + 3600)
    leaf = certificate(
        "provider", key, "authority", ec_key(8), extensions=[(names, False)], start=now - 60, end=now + 3600
    )
    chain = tmp_path / "chain.pem"
    chain.write_bytes(pem(leaf) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(pem(root))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    with running(tls=context) as provider:
        yield provider, trusted


def test_a_provider_proves_who_it_is(secure: tuple[Provider, Path]) -> None:
    provider, authority = secure
    asking = (
        "import asyncio, sys\n"
        "from moorage.auth.discovery import ProviderKeys\n"
        "print(len(asyncio.run(ProviderKeys(sys.argv[1], 'key').current()).keys))\n"
    )
    command = [sys.executable, "-c", asking, provider.issuer]
    strange = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Unreachable" in strange.stderr
    assert not provider.asked
    environment = {**os.environ, "SSL_CERT_FILE": str(authority)}
    known = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert known.stdout == "1\n", known.stderr


@pytest.mark.parametrize("answer", [hanging, dripping])
@pytest.mark.parametrize("path", [DOCUMENT, KEYS])
async def test_an_answer_without_end_is_not_waited_for(provider: Provider, path: str, answer: Answer) -> None:
    provider.answers[path] = answer
    keys = ProviderKeys(provider.issuer, "key", patience=0.2)
    with pytest.raises(Unreachable):
        await keys.current()
    await keys.close()
