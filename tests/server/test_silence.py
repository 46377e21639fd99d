"""Connections that say nothing, or stop in the middle, in all the ways that TLS and HTTP/2 give them."""

from __future__ import annotations

import contextlib
import hashlib
import random
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.faults.processes import open_connections
from tests.server.frames import DATA, END_HEADERS, END_STREAM, HEADERS, SETTINGS, frame, head
from tests.server.http2 import NO_SETTINGS, PREFACE, secure
from tests.server.secure import SecureServer, secure_server, stopped, trusting
from tests.support.tools import absent

NAME = "silent/app"
BLOB = random.Random(1).randbytes(4 << 20)
DIGEST = f"sha256:{hashlib.sha256(BLOB).hexdigest()}"
HTTP2 = trusting(protocols=["h2"])
HTTP1 = trusting(protocols=["http/1.1"])


Kind: TypeAlias = Callable[[SecureServer], socket.socket]


@dataclass(frozen=True)
class Scale:
    """Connections of each kind, how many kinds there are at a time, and how long the server may take to end them."""

    connections: int
    kinds: int
    limits: str
    seconds: float


SHORT = Scale(150, 100, "{headertimeout: 3s, bodytimeout: 3s, sendtimeout: 3s}", 60.0)
# All of them at a time would be more than one process may have.
FULL = Scale(5000, 1, "{headertimeout: 20s, bodytimeout: 30s, sendtimeout: 30s}", 150.0)


@pytest.fixture(autouse=True)
def many_open_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def plain(server: SecureServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 30)


def no_byte(server: SecureServer) -> socket.socket:
    return plain(server)


def half_a_handshake(server: SecureServer) -> socket.socket:
    connection = plain(server)
    connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01")
    return connection


def silence_after_the_handshake(server: SecureServer) -> socket.socket:
    return server.connect(HTTP2)


def silence_of_a_client_without_http2(server: SecureServer) -> socket.socket:
    return server.connect(HTTP1)


def half_a_preface(server: SecureServer) -> socket.socket:
    connection = server.connect(HTTP2)
    connection.sendall(PREFACE[:11])
    return connection


def half_a_head(server: SecureServer) -> socket.socket:
    connection = server.connect(HTTP1)
    connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: loc")
    return connection


def half_a_frame(server: SecureServer) -> socket.socket:
    connection = server.connect(HTTP2)
    connection.sendall(PREFACE + NO_SETTINGS + b"\x00\x01\x00\x01")
    return connection


def idle_after_an_answer(server: SecureServer) -> socket.socket:
    connection = server.connect(HTTP2)
    connection.sendall(asked(head("/v2/")))
    answer = b""
    while DATA not in kinds_of(answer):
        piece = connection.recv(1 << 14)
        assert piece, "ended before its answer"
        answer += piece
    return connection


def half_a_body(server: SecureServer) -> socket.socket:
    connection = server.connect(HTTP2)
    connection.sendall(asked(head(f"/v2/{NAME}/manifests/x", "PUT"), END_HEADERS) + frame(DATA, 0, 1, b"{"))
    return connection


def a_download_that_may_not_be_sent(server: SecureServer) -> socket.socket:
    connection = server.connect(HTTP2)
    no_window = frame(SETTINGS, 0, 0, b"\x00\x04" + (0).to_bytes(4, "big"))
    connection.sendall(asked(head(f"/v2/{NAME}/blobs/{DIGEST}"), settings=no_window))
    return connection


def a_download_that_is_not_read(server: SecureServer) -> socket.socket:
    connection = server.connect(HTTP2)
    connection.sendall(asked(head(f"/v2/{NAME}/blobs/{DIGEST}")))
    return connection


def asked(block: bytes, flags: int = END_STREAM | END_HEADERS, settings: bytes = NO_SETTINGS) -> bytes:
    """The beginning of a connection with a request on its first stream."""
    return PREFACE + settings + frame(HEADERS, flags, 1, block)


def kinds_of(data: bytes) -> set[int]:
    """The kinds of the frames in these bytes, which begin with one."""
    found = set()
    while len(data) >= 9:
        found.add(data[3])
        data = data[9 + int.from_bytes(data[:3], "big") :]
    return found


KINDS: tuple[Kind, ...] = (
    no_byte,
    half_a_handshake,
    silence_after_the_handshake,
    silence_of_a_client_without_http2,
    half_a_preface,
    half_a_head,
    half_a_frame,
    idle_after_an_answer,
    half_a_body,
    a_download_that_may_not_be_sent,
    a_download_that_is_not_read,
)


def push_blob(server: SecureServer) -> None:
    with secure(server.connect(HTTP2)) as client:
        target = f"/v2/{NAME}/blobs/uploads/?digest={DIGEST}"
        assert client.request("POST", target, {"content-length": str(len(BLOB))}, BLOB).status == 201


@dataclass
class Good:
    """What clients of good will got meanwhile."""

    done: int = 0
    faults: list[str] = field(default_factory=list)


@contextlib.contextmanager
def good_clients(server: SecureServer) -> Iterator[Good]:
    """One that comes anew for each request, and one that keeps its connection."""
    found, stop = Good(), threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            try:
                if (status := server.get("/v2/")) != 200:
                    found.faults.append(str(status))
            except OSError as error:
                found.faults.append(repr(error))
            found.done += 1
            time.sleep(0.02)

    def stay() -> None:
        with secure(server.connect(HTTP2)) as client:
            while not stop.is_set():
                try:
                    assert client.request("GET", "/v2/").status == 200
                except OSError as error:
                    found.faults.append(repr(error))
                    return
                time.sleep(0.1)

    threads = [threading.Thread(target=one) for one in (come_and_go, stay)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("scale", [SHORT, pytest.param(FULL, marks=pytest.mark.soak)], ids=["short", "full"])
def test_silent_connections_of_every_kind_are_ended_and_good_ones_are_served(
    tmp_path: Path, scale: Scale
) -> None:
    limits = f"  workers: 2\n  limits: {scale.limits}\n"
    with stopped(secure_server(tmp_path, extra=limits)) as server:
        push_blob(server)
        with good_clients(server) as good:
            for first in range(0, len(KINDS), scale.kinds):
                are_ended(server, KINDS[first : first + scale.kinds], scale)
        assert good.faults == []
        assert good.done > 50


def are_ended(server: SecureServer, kinds: tuple[Kind, ...], scale: Scale) -> None:
    held: dict[int, str] = {}
    with contextlib.ExitStack() as opened:
        for kind in kinds:
            for _ in range(scale.connections):
                connection = opened.enter_context(kind(server))
                held[connection.getsockname()[1]] = kind.__name__
        deadline = time.monotonic() + scale.seconds
        while (left := open_connections(server.port) & held.keys()) and time.monotonic() < deadline:
            time.sleep(0.2)
        names = sorted({held[port] for port in left})
        assert not left, f"{len(left)} of {len(held)} are still open after {scale.seconds} s: {names}"


def test_a_slow_client_of_good_will_is_not_taken_for_silent(everywhere: SecureServer) -> None:
    """It takes a large answer in small pieces, for longer than anybody may be silent."""
    push_blob(everywhere)
    with secure(everywhere.connect(HTTP2), window=128 << 10) as client:
        number = client.begin("GET", f"/v2/{NAME}/blobs/{DIGEST}")
        while not client.streams[number].complete:
            client.pump()
            if len(client.streams[number].body) % (256 << 10) < 16 << 10:
                time.sleep(0.06)
        assert client.streams[number].body == BLOB


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_request_that_takes_its_time_keeps_its_connection(everywhere: SecureServer, host: str) -> None:
    """Nothing is sent to the client meanwhile: only the request tells that it is not silent."""
    with contextlib.ExitStack() as opened:
        try:
            plain = opened.enter_context(socket.create_connection((host, everywhere.port), 30))
        except OSError:
            absent(f"needs {host}")
        with secure(HTTP2.wrap_socket(plain, server_hostname="localhost")) as client:
            place = client.request("POST", f"/v2/{NAME}/blobs/uploads/").headers["location"]
            number = client.begin("PATCH", place, end=False)
            for _ in range(20):
                client.send_body(number, b"x", end=False)
                time.sleep(0.1)
            client.send_body(number, b"y")
            assert client.answer(number).status == 202


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureServer]:
    """On all addresses of the machine, whichever family they are of."""
    limits = "  workers: 1\n  limits: {headertimeout: 1s}\n"
    server = secure_server(tmp_path_factory.mktemp("everywhere"), extra=limits)
    config = Path(server.command[-1])
    config.write_text(config.read_text().replace(f"127.0.0.1:{server.port}", f"':{server.port}'"))
    with stopped(server):
        yield server


def test_a_client_that_pings_keeps_its_connection(everywhere: SecureServer) -> None:
    with secure(everywhere.connect(HTTP2)) as client:
        for _ in range(20):
            client.state.ping(b"are you?")
            client.flush()
            client.pump()
            time.sleep(0.1)
        assert client.request("GET", "/v2/").status == 200
