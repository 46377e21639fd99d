"""One request to a listener: what counts as delivered, and what listeners may do without harm."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from standardwebhooks import Webhook

from moorage import __version__
from moorage.events.formats import message_id
from moorage.events.outcome import Sent, unanswered
from moorage.events.sending import Sender
from tests.events.attempt import HEADERS, endpoint, send
from tests.events.listener import (
    PIECE,
    SECONDS,
    Listener,
    Reaction,
    answer,
    dripping,
    endless,
    hang_up,
    raw,
    reset,
    silent,
)
from tests.events.making import kept
from tests.server.issuing import Authority
from tests.support.ports import free_port
from tests.support.server import moorage_command


@pytest.fixture
async def sender(listener: Listener) -> AsyncIterator[Sender]:
    """One that sends to the listener, and is patient with it."""
    sending = Sender(endpoint(listener))
    yield sending
    await sending.close()


# What counts


@pytest.mark.parametrize("status", [200, 201, 202, 204, 300, 301, 303, 304, 307, 399])
async def test_any_2xx_and_any_3xx_that_leads_nowhere_is_delivered(listener: Listener, status: int) -> None:
    listener.script = [answer(status)]
    sent = await send(endpoint(listener))
    assert sent.delivered
    assert sent.status.split()[0] == str(status)
    assert len(listener.received) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503, 599])
async def test_4xx_and_5xx_are_failures(listener: Listener, status: int) -> None:
    listener.script = [answer(status)]
    sent = await send(endpoint(listener))
    assert not sent.delivered
    assert sent.reason == f"it answers {sent.status}"


async def test_a_status_has_the_words_of_the_standard(listener: Listener) -> None:
    listener.script = [answer(202), answer(299)]
    assert [(await send(endpoint(listener))).status for _ in range(2)] == ["202 Accepted", "299"]


async def test_a_listener_that_is_not_there_is_a_failure() -> None:
    sent = await send(endpoint(url=f"http://127.0.0.1:{free_port()}/"))
    assert sent == Sent(False, reason="Connection refused")


async def test_a_name_that_is_unknown_is_a_failure() -> None:
    sent = await send(endpoint(url="http://nowhere.invalid/"))
    assert sent == Sent(False, reason="its name leads to no address")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120.0), (" 5 ", 5.0), ("", 0.0), ("soon", 0.0), ("-5", 0.0), ("9" * 400, 999_999_999_999.0)],
)
async def test_a_listener_says_for_how_long_it_wants_to_be_left_alone(
    listener: Listener, value: str, seconds: float
) -> None:
    listener.script = [answer(503, Retry_After=value)]
    assert (await send(endpoint(listener))).wait_seconds == seconds


# What is sent


async def test_a_request_is_a_post_of_an_envelope(listener: Listener) -> None:
    events = [kept(), kept()]
    await send(endpoint(listener, batch=2), *events)
    (request,) = listener.received
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.header("Content-Type") == "application/vnd.docker.distribution.events.v2+json"
    assert request.header("User-Agent") == f"moorage/{__version__}"
    assert request.header("Transfer-Encoding") is None
    assert request.events == [json.loads(event) for event in events]


async def test_configured_headers_are_added_and_win(listener: Listener) -> None:
    configured = (*HEADERS, ("user-agent", "a registry"))
    await send(endpoint(listener, headers=configured))
    (request,) = listener.received
    assert request.header("Authorization") == "Bearer secret"
    assert request.header("X-Site") == "one, two"
    assert request.header("User-Agent") == "a registry"


async def test_a_password_in_the_url_is_sent_as_one(listener: Listener) -> None:
    url = f"http://ali%40ce:p%3Ass@localhost:{listener.port}/hook"
    await send(endpoint(url=url))
    assert listener.received[0].header("Authorization") == "Basic YWxpQGNlOnA6c3M="
    await send(endpoint(url=url, headers=HEADERS))
    assert listener.received[1].header("Authorization") == "Bearer secret"


async def test_a_signature_is_believed_and_names_the_same_message_each_time(listener: Listener) -> None:
    listener.script = [answer(500)]
    events = [kept(), kept()]
    signing = endpoint(listener, batch=2, secrets=("whsec_c2VjcmV0c2VjcmV0", "older"))
    await send(signing, *events)
    await send(signing, *events)
    first, second = listener.received
    for secret in ("whsec_c2VjcmV0c2VjcmV0", b"older"):
        Webhook(secret).verify(second.body, dict(second.headers))
    assert first.header("webhook-id") == second.header("webhook-id") == message_id(events)


async def test_without_a_secret_nothing_is_signed(listener: Listener) -> None:
    await send(endpoint(listener))
    assert listener.received[0].header("webhook-signature") is None


def test_what_shows_an_endpoint_shows_no_secret() -> None:
    shown = endpoint(
        url="https://alice:secret@host:8443/a?token=secret", headers=HEADERS, secrets=("secret",)
    )
    assert shown.shown == "https://host:8443/a"
    assert "secret" not in repr(shown)


@pytest.mark.parametrize(
    "url", ["", "host", "ftp://host/", "http://", "http://user:secret@[::1", "http://h:secret/"]
)
def test_what_is_no_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValueError, match="is no URL") as found:
        Sender(endpoint(url=url))
    assert "secret" not in str(found.value)


async def test_no_proxy_is_used(listener: Listener, other: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url)
    assert (await send(endpoint(listener))).delivered
    assert other.received == []


# The connection


async def test_a_connection_is_kept_and_cookies_are_not(listener: Listener, sender: Sender) -> None:
    listener.otherwise = answer(500, b"a body", Set_Cookie="a=b; Path=/")
    for _ in range(3):
        await sender.send([kept()])
    assert len(listener.received) == 3
    assert listener.connections == 1
    assert {request.header("Cookie") for request in listener.received} == {None}


async def test_a_kept_connection_that_the_listener_closes_is_no_failure(
    listener: Listener, sender: Sender
) -> None:
    """Closed when it is used for the second time, which is what closing at the same moment looks like."""
    listener.script = [answer(200), hang_up, answer(200), reset, answer(200)]
    for _ in range(3):
        assert (await sender.send([kept()])).delivered
    assert listener.connections == 3
    assert [one.ids for one in listener.received[1:3]] == [listener.received[1].ids] * 2


async def test_closing_a_new_connection_is_a_failure(listener: Listener, sender: Sender) -> None:
    listener.otherwise = hang_up
    assert await sender.send([kept()]) == Sent(False, reason="it closes the connection without an answer")
    assert listener.connections == 1


async def test_an_answer_with_a_large_body_is_not_read(listener: Listener, sender: Sender) -> None:
    """10 GB, or without an end: the status is all that is of interest, and the connection is given up."""
    heads = [b"Content-Length: 10000000000", b"Transfer-Encoding: identity"]
    for head in heads:
        listener.script = [*listener.script, endless(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n", PIECE)]
    for _ in heads:
        assert (await sender.send([kept()])).delivered
    assert (await sender.send([kept()])).delivered
    assert listener.connections == 3
    assert listener.sent_bytes < 64 << 20


@pytest.mark.parametrize("pause", [0.01, 3600.0], ids=["that drips", "that does not come"])
async def test_an_answer_with_a_body_without_an_end_is_not_waited_for(
    listener: Listener, pause: float
) -> None:
    listener.script = [
        dripping(b"HTTP/1.1 500 Error\r\nContent-Length: 1000\r\n\r\n", pause),
        dripping(b"HTTP/1.1 307 Elsewhere\r\nLocation: /there\r\nContent-Length: 1000\r\n\r\n", pause),
    ]
    sender = Sender(endpoint(listener, timeout=3600.0))
    async with asyncio.timeout(SECONDS):
        assert (await sender.send([kept()])).status == "500 Internal Server Error"
        assert (await sender.send([kept()])).delivered
    assert [request.path for request in listener.received] == ["/hook", "/hook", "/there"]
    assert listener.connections == 3
    await sender.close()


async def test_a_body_that_claims_to_be_compressed_is_of_no_interest(
    listener: Listener, sender: Sender
) -> None:
    listener.script = [answer(200, b"garbage", Content_Encoding="gzip")]
    assert (await sender.send([kept()])).delivered


BAD: dict[str, tuple[Reaction, str]] = {
    "garbage": (raw(b"\x00\xff garbage\r\n\r\n"), "what it answers is not HTTP"),
    "another protocol": (raw(b"220 mail.example.com ESMTP\r\n"), "what it answers is not HTTP"),
    "half a head": (raw(b"HTTP/1.1 200 OK\r\nContent-"), "it closes the connection without an answer"),
    "an endless head": (
        endless(b"HTTP/1.1 200 OK\r\n", b"X-More: y\r\n" * 1000),
        "what it answers is not HTTP",
    ),
    "an endless line": (endless(b"HTTP/1.1 200 OK\r\nX-More: ", PIECE), "what it answers is not HTTP"),
    "nothing": (silent, "no answer within 0.5 s"),
    "a head that drips": (dripping(b"HTTP/1.1 200 OK\r\nX-More: "), "no answer within 0.5 s"),
    "no end of beginnings": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "no answer within 0.5 s"),
    "a reset": (reset, "Connection reset by peer"),
}


@pytest.mark.parametrize("bad", BAD)
async def test_what_is_no_answer_is_a_failure_that_says_so(listener: Listener, bad: str) -> None:
    reaction, reason = BAD[bad]
    listener.otherwise = reaction
    patient = endpoint(listener)
    hasty = endpoint(listener, timeout=0.5)
    sender = Sender(hasty if reason.startswith("no answer") else patient)
    # Who is hasty may have given up before the listener took the request.
    async with asyncio.timeout(SECONDS):
        while not listener.received:
            assert await sender.send([kept()]) == Sent(False, reason=reason)
    assert listener.sent_bytes < 64 << 20
    listener.otherwise = answer(200)
    sender._endpoint = patient
    assert (await sender.send([kept()])).delivered
    await sender.close()


# TLS


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Of an authority that nobody trusts."""
    folder: Path = tmp_path_factory.mktemp("tls")
    Authority().issue().write(folder / "certificate.pem", folder / "key.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


async def test_a_certificate_of_nobody_known_is_a_failure_that_says_so(tls: ssl.SSLContext) -> None:
    with Listener(tls=tls) as secure:
        sent = await send(endpoint(secure))
    assert not sent.delivered
    assert sent.reason.startswith("its certificate is not trusted: ")
    assert secure.received == []


async def test_tls_to_a_listener_that_speaks_none_is_a_failure(listener: Listener) -> None:
    sent = await send(endpoint(url=listener.url.replace("http:", "https:"), timeout=0.5))
    assert not sent.delivered
    assert listener.received == []


class Deaf(threading.Thread):
    """Takes one connection, reads, sends the bytes, and closes it."""

    def __init__(self, said: bytes) -> None:
        super().__init__(daemon=True)
        self._said = said
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._server.getsockname()[1]}/"

    def run(self) -> None:
        connection, _ = self._server.accept()
        with self._server, connection:
            connection.recv(4096)
            connection.sendall(self._said)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "TLS fails: "),
        (b"\x15\x03\x01\x00\x02\x02\x46", "TLS fails: "),
        (b"", "it closes the connection without an answer"),
    ],
)
async def test_a_listener_that_tls_fails_with_is_a_failure_that_says_why(said: bytes, reason: str) -> None:
    deaf = Deaf(said)
    deaf.start()
    sent = await send(endpoint(url=deaf.url))
    assert (sent.delivered, sent.status) == (False, "")
    # What follows are words of OpenSSL, which differ between its versions.
    assert sent.reason.startswith(reason)
    deaf.join()


def test_a_listener_that_wants_a_certificate_of_clients_is_a_failure_that_says_so(tmp_path: Path) -> None:
    authority = Authority()
    authority.issue().write(tmp_path / "certificate.pem", tmp_path / "key.pem")
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(authority.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    context.load_verify_locations(trusted)
    context.verify_mode = ssl.CERT_REQUIRED
    with Listener(tls=context) as picky:
        done = subprocess.run(
            [*moorage_command(), "events", "test", picky.url],
            env={**os.environ, "SSL_CERT_FILE": str(trusted)},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert "not taken, TLS fails: " in done.stdout


def test_what_tls_refuses_while_a_request_is_written_is_told_in_the_same_words() -> None:
    """The listener's alert may come before the request or after it. Then aiohttp gives OpenSSL's number 1 as if it were an errno."""
    error = aiohttp.ClientOSError(
        1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:2576)"
    )
    assert unanswered(error).reason == "TLS fails: tlsv13 alert certificate required"
    assert unanswered(aiohttp.ClientOSError(errno.EPERM, "refused")).reason == "Operation not permitted"


@pytest.mark.parametrize("name", ["a..b", "a" * 70 + ".example", "[::1%25lo]"])
async def test_a_name_that_cannot_be_one_is_a_failure_that_says_so(name: str) -> None:
    sent = await send(endpoint(url=f"http://{name}:1/"))
    assert sent == Sent(False, reason="its name leads to no address")
