"""The proxy passes on what it is given, counts it, and breaks what its plan says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, RemoteDisconnected
from http.server import BaseHTTPRequestHandler

import pytest

from tests.support.exchange import Answer, exchange
from tests.support.storefaults import WRITING, Fault, Faults, Refusal
from tests.support.storeproxy import Call, StoreProxy, abort, proxying
from tests.support.threaded import ThreadedServer

BODY = bytes(range(256)) * 1000
COPY = {"x-amz-copy-source": "/bucket/a"}


class Store(BaseHTTPRequestHandler):
    """Keeps what is put, and answers GET from that; a path that ends in `chunked` gets chunks, one in `open` no length."""

    protocol_version = "HTTP/1.1"
    kept: dict[str, bytes]
    hosts: list[str]

    def do_PUT(self) -> None:
        self.hosts.append(self.headers["Host"])
        self.kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"")

    def do_POST(self) -> None:
        taken = b""
        while size := int(self.rfile.readline(), 16):
            taken += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        self.answer(taken)

    def do_GET(self) -> None:
        self.answer(self.kept.get(self.path, BODY))

    do_HEAD = do_GET  # noqa: N815 - called by this name

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        if self.path.endswith("chunked"):
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%s\r\n0\r\nTrailer: x\r\n\r\n" % (len(body), body)
        elif self.path.endswith("open"):
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def store() -> type[Store]:
    class Fresh(Store):
        kept: dict[str, bytes] = {}  # noqa: RUF012 - a class for each test
        hosts: list[str] = []  # noqa: RUF012 - a class for each test

    return Fresh


@pytest.fixture
def proxy(store: type[Store]) -> Iterator[StoreProxy]:
    with ThreadedServer(store).serving() as server, proxying(server.endpoint) as started:
        yield started


def send(proxy: StoreProxy, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return exchange(address(proxy), method, target, body=body, headers=given)


def address(proxy: StoreProxy) -> str:
    return proxy.endpoint.removeprefix("http://")


def connected(proxy: StoreProxy, seconds: float) -> socket.socket:
    host, port = address(proxy).split(":")
    return socket.create_connection((host, int(port)), timeout=seconds)


def await_faults(proxy: StoreProxy, count: int) -> None:
    """Until so many were met: a client may give up before the proxy has come to its request."""
    deadline = time.monotonic() + 30
    while len(proxy.injected) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


# Passing on


@pytest.mark.parametrize("path", ["/b/plain", "/b/chunked", "/b/open"])
def test_an_answer_of_any_framing_comes_whole(proxy: StoreProxy, path: str) -> None:
    assert send(proxy, "GET", path).body == BODY
    assert send(proxy, "HEAD", path).body == b""


def test_a_body_and_the_host_header_arrive_as_they_were_sent(proxy: StoreProxy, store: type[Store]) -> None:
    send(proxy, "PUT", "/b/k%20x?partNumber=1&x=%2F", BODY * 8)
    assert store.kept == {"/b/k%20x?partNumber=1&x=%2F": BODY * 8}
    assert store.hosts == [address(proxy)]


def test_chunks_of_a_request_arrive(proxy: StoreProxy) -> None:
    with contextlib.closing(HTTPConnection(address(proxy))) as connection:
        connection.request("POST", "/b", iter([b"abc", b"d" * 100_000]), encode_chunked=True)
        assert connection.getresponse().read() == b"abc" + b"d" * 100_000


def test_one_connection_takes_many_requests(proxy: StoreProxy) -> None:
    with contextlib.closing(HTTPConnection(address(proxy))) as connection:
        connection.connect()
        first = connection.sock
        for number in range(5):
            connection.request("PUT", f"/b/{number}", b"x" * number)
            assert connection.getresponse().read() == b""
            assert connection.sock is first


def test_a_client_that_waits_to_send_its_body_is_told_to_go_on(proxy: StoreProxy) -> None:
    with connected(proxy, 30) as client:
        client.sendall(b"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.sendall(b"abc")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")


def test_a_request_that_breaks_off_is_not_waited_for(proxy: StoreProxy) -> None:
    with connected(proxy, 30) as client:
        client.sendall(b"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\nabc")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1000) == b""


def test_the_path_of_an_endpoint_stays() -> None:
    with proxying("http://127.0.0.1:9/account") as proxy:
        assert proxy.endpoint.endswith("/account")
        assert proxy.endpoint != "http://127.0.0.1:9/account"


# Counting


def test_requests_are_counted_within_a_block(proxy: StoreProxy) -> None:
    send(proxy, "GET", "/before")
    with proxy.counted() as outer:
        send(proxy, "GET", "/b?list-type=2&prefix=a%2F")
        with proxy.counted() as inner:
            send(proxy, "PUT", "/b/k", b"x")
        send(proxy, "HEAD", "/b/k")
    send(proxy, "GET", "/after")
    assert outer == [
        Call("GET", "/b", "list-type=2&prefix=a%2F"),
        Call("PUT", "/b/k", ""),
        Call("HEAD", "/b/k", ""),
    ]
    assert inner == [Call("PUT", "/b/k", "")]
    assert [call.path for call in proxy.calls] == ["/before", "/b", "/b/k", "/b/k", "/after"]


# Breaking


def test_nothing_breaks_unless_told(proxy: StoreProxy) -> None:
    for _ in range(20):
        assert send(proxy, "GET", "/b/k").body == BODY
    assert proxy.injected == []


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [(Fault.SLOW_DOWN, 503, b"SlowDown"), (Fault.INTERNAL_ERROR, 500, b"InternalError")],
)
def test_an_error_comes_as_s3_says_it(
    proxy: StoreProxy, store: type[Store], kind: Fault, status: int, code: bytes
) -> None:
    proxy.faults = Faults(1, [kind])
    answer = send(proxy, "PUT", "/b/k", BODY * 40)
    assert answer.status == status
    assert b"<Error><Code>" + code + b"</Code>" in answer.body
    assert send(proxy, "HEAD", "/b/k").body == b""
    assert store.kept == {}
    assert proxy.injected == [(Call("PUT", "/b/k", ""), kind), (Call("HEAD", "/b/k", ""), kind)]


def test_a_reset_comes_before_the_store_hears_of_the_request(proxy: StoreProxy, store: type[Store]) -> None:
    proxy.faults = Faults(1, [Fault.RESET])
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        send(proxy, "PUT", "/b/k", b"x")
    assert store.kept == {}


def test_a_lost_answer_is_of_a_request_that_was_carried_out(proxy: StoreProxy, store: type[Store]) -> None:
    proxy.faults = Faults(1, [Fault.LOST_ANSWER])
    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        send(proxy, "PUT", "/b/k", b"x")
    assert store.kept == {"/b/k": b"x"}


def test_silence_lasts_until_the_client_leaves(proxy: StoreProxy) -> None:
    proxy.faults = Faults(1, [Fault.SILENCE])
    with connected(proxy, 0.3) as client:
        client.sendall(b"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        with pytest.raises(TimeoutError):
            client.recv(1)
        await_faults(proxy, 1)
    assert proxy.injected == [(Call("PUT", "/b/k", ""), Fault.SILENCE)]


def test_a_slow_answer_comes_whole(proxy: StoreProxy) -> None:
    proxy.faults = Faults(1, [Fault.SLOW_ANSWER], slow_seconds=0.05)
    assert send(proxy, "GET", "/b/k").body == BODY
    assert [fault for _, fault in proxy.injected] == [Fault.SLOW_ANSWER]


def test_latency_is_added_to_every_request(proxy: StoreProxy) -> None:
    proxy.latency_seconds = 0.2
    for _ in range(2):
        begun = time.monotonic()
        assert send(proxy, "GET", "/b/k").body == BODY
        assert time.monotonic() - begun >= 0.2


def test_a_truncated_answer_promises_more_than_it_gives(proxy: StoreProxy) -> None:
    proxy.faults = Faults(1, [Fault.TRUNCATED])
    answer = send(proxy, "GET", "/b/k")
    assert answer.headers["content-length"] == str(len(BODY))
    assert answer.body == BODY[: len(BODY) // 2]
    assert not answer.whole
    assert send(proxy, "PUT", "/b/k", b"x").status == 200


def test_an_answer_that_is_cut_off_ends_with_a_reset(proxy: StoreProxy) -> None:
    proxy.faults = Faults(1, [Fault.CUT_OFF])
    with pytest.raises(ConnectionResetError):
        send(proxy, "GET", "/b/k")
    assert send(proxy, "PUT", "/b/k", b"x").status == 200


def test_a_removal_of_many_objects_fails_for_each_of_them(proxy: StoreProxy) -> None:
    proxy.faults = Faults(1, [Fault.ERROR_IN_200])
    asked = b"<Delete><Object><Key>a</Key></Object><Object><Key>b&amp;c</Key></Object></Delete>"
    answer = send(proxy, "POST", "/b?delete", asked)
    assert answer.status == 200
    for key in (b"a", b"b&amp;c"):
        assert b"<Error><Key>" + key + b"</Key><Code>InternalError</Code>" in answer.body


def test_a_refusal_is_for_every_request_of_its_methods(proxy: StoreProxy, store: type[Store]) -> None:
    proxy.faults = Faults(refusal=Refusal("403 Forbidden", "AccessDenied", WRITING))
    answer = send(proxy, "PUT", "/b/k", BODY)
    assert answer.status == 403
    assert b"<Error><Code>AccessDenied</Code>" in answer.body
    assert store.kept == {}
    assert send(proxy, "GET", "/b/k").body == BODY


def test_the_first_that_may_meet_silence_do_and_no_more_than_so_many(proxy: StoreProxy) -> None:
    proxy.faults = Faults(1, [Fault.SILENCE, Fault.INTERNAL_ERROR], silences=1, silent=("GET",))
    assert send(proxy, "PUT", "/b/k", b"x").status == 500
    with connected(proxy, 0.3) as client:
        client.sendall(b"GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
        with pytest.raises(TimeoutError):
            client.recv(1)
        await_faults(proxy, 2)
    assert {send(proxy, "GET", "/b/k").status for _ in range(20)} == {500}


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [("PUT", "/b/k", COPY), ("PUT", "/b/k?partNumber=1&uploadId=u", COPY), ("POST", "/b/k?uploadId=u", {})],
)
def test_an_error_in_200_is_of_copies_and_completions(
    proxy: StoreProxy, store: type[Store], method: str, target: str, headers: dict[str, str]
) -> None:
    proxy.faults = Faults(1, [Fault.ERROR_IN_200])
    answer = send(proxy, method, target, b"", **headers)
    assert answer.status == 200
    assert b"<Error><Code>InternalError</Code>" in answer.body
    assert store.kept == {}
    assert send(proxy, "PUT", "/b/k", b"x").body == b""
    assert store.kept == {"/b/k": b"x"}


def test_a_plan_hits_its_share_and_can_be_repeated(proxy: StoreProxy) -> None:
    outcomes = []
    for _ in range(2):
        proxy.faults = Faults(0.3, [Fault.SLOW_DOWN, Fault.INTERNAL_ERROR], seed=7)
        outcomes.append([send(proxy, "GET", f"/b/{number}").status for number in range(100)])
    assert outcomes[0] == outcomes[1]
    assert set(outcomes[0]) == {200, 500, 503}
    assert 15 <= 100 - outcomes[0].count(200) <= 45


def test_requests_that_are_held_pass_at_the_end_of_the_block(proxy: StoreProxy, store: type[Store]) -> None:
    with ThreadPoolExecutor(1) as pool:
        with proxy.holding(1) as reached:
            assert send(proxy, "PUT", "/b/first", b"x").status == 200
            assert not reached.is_set()
            later = pool.submit(send, proxy, "PUT", "/b/later", b"y")
            assert reached.wait(30)
            assert store.kept == {"/b/first": b"x"}
        assert later.result().status == 200
    assert store.kept == {"/b/first": b"x", "/b/later": b"y"}


async def test_a_connection_that_was_closed_and_has_sent_what_was_left_needs_no_end() -> None:
    ours, theirs = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=ours)
    left = 4 << 20
    writer.write(bytes(left))
    writer.close()
    with theirs:
        theirs.setblocking(False)
        while left:
            left -= len(await asyncio.get_running_loop().sock_recv(theirs, 1 << 20))
        await writer.wait_closed()
    abort(writer.transport)
