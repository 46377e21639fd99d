"""What answers on port 80 while an authority looks."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from moorage.letsencrypt.challenge import PATH
from moorage.letsencrypt.errors import CertificateError
from moorage.letsencrypt.responder import CONNECTIONS, HEAD_BYTES, Responder
from tests.support.ports import free_port

HOSTS = ("registry.example.com", "images.example.com")


@pytest.fixture
def port() -> Iterator[int]:
    port = free_port()
    with Responder(f"127.0.0.1:{port}", HOSTS) as responder:
        responder.publish({"token": "token.authorization"})
        yield port


def ask(port: int, method: str, target: str, host: str = HOSTS[0]) -> tuple[int, str, str]:
    """Status, Location and body."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.putrequest(method, target, skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location", ""), answer.read().decode()


def test_a_token_is_answered_with_its_authorization(port: int) -> None:
    assert ask(port, "GET", f"{PATH}token") == (200, "", "token.authorization")
    assert ask(port, "HEAD", f"{PATH}token") == (200, "", "")


@pytest.mark.parametrize("target", ["other", "", "token/", "../token", "%74oken"])
def test_any_other_token_is_not_found(port: int, target: str) -> None:
    assert ask(port, "GET", PATH + target)[0] == 404


@pytest.mark.parametrize(
    ("target", "host", "location"),
    [
        ("/v2/", HOSTS[0], f"https://{HOSTS[0]}/v2/"),
        ("/v2/_catalog?n=1", f"{HOSTS[1].upper()}:80", f"https://{HOSTS[1]}/v2/_catalog?n=1"),
        ("/", "elsewhere.example.net", f"https://{HOSTS[0]}/"),
        ("//elsewhere.example.net/", HOSTS[0], f"https://{HOSTS[0]}//elsewhere.example.net/"),
    ],
)
def test_other_pages_are_sent_to_https_on_a_host_of_ours(
    port: int, target: str, host: str, location: str
) -> None:
    for method in ("GET", "HEAD"):
        assert ask(port, method, target, host)[:2] == (308, location)


@pytest.mark.parametrize(
    "request_line",
    [b"POST /v2/ HTTP/1.1", b"GET http://x/ HTTP/1.1", b"GET /\xff HTTP/1.1", b"GET", b"\x16\x03\x01"],
)
def test_whatever_else_is_not_found(port: int, request_line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request_line + b"\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 404 ")


def test_two_hundred_silent_connections_do_not_keep_the_authority_away(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a slow machine the newer ones would run out of time too.
    monkeypatch.setattr("moorage.letsencrypt.responder.SECONDS", 600.0)
    with contextlib.ExitStack() as opened:
        silent = [
            opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            for _ in range(200)
        ]
        silent[-1].sendall(b"GET / HT")
        assert ask(port, "GET", f"{PATH}token")[0] == 200
        # The older ones had to give way, the newer ones have not.
        assert [one.recv(1) for one in silent[: 200 - CONNECTIONS]] == [b""] * (200 - CONNECTIONS)
        silent[-2].setblocking(False)
        with pytest.raises(BlockingIOError):
            silent[-2].recv(1)


def test_an_endless_head_is_cut_off(port: int) -> None:
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    with connection, contextlib.suppress(ConnectionError):
        for _ in range(64):
            connection.sendall(b"x" * HEAD_BYTES)
        assert connection.recv(1) == b""
    assert ask(port, "GET", f"{PATH}token")[0] == 200


def test_nothing_listens_and_no_thread_runs_afterwards_even_with_clients_connected() -> None:
    # Threads of other tests may end at any moment.
    before, port = set(threading.enumerate()), free_port()
    with contextlib.ExitStack() as opened:
        with Responder(f"127.0.0.1:{port}", HOSTS):
            for _ in range(3):
                opened.enter_context(socket.create_connection(("127.0.0.1", port)))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    assert not set(threading.enumerate()) - before


def test_without_a_host_it_listens_on_both_protocols() -> None:
    port = free_port()
    with Responder(f":{port}", HOSTS) as responder:
        responder.publish({"token": "both"})
        for address in ["127.0.0.1", *(["::1"] if socket.has_dualstack_ipv6() else [])]:
            socket.create_connection((address, port)).close()


def test_a_bad_address_is_named() -> None:
    with (
        pytest.raises(CertificateError, match=r"cannot listen on 127\.0\.0\.1: write"),
        Responder("127.0.0.1", HOSTS),
    ):
        pass
