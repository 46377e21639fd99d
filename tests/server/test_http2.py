"""HTTP/2: real clients pull and push over it, and those that abuse it harm nobody."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import random
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import h2.exceptions
import pytest

from tests.faults.processes import eventually, open_connections
from tests.server.frames import FLOODS, Flood, send
from tests.server.http2 import Ended, Http2, secure
from tests.server.secure import AUTHORITY, SecureServer, secure_server, stopped, trusting
from tests.support.server import Server, moorage_server, running
from tests.support.tools import require

NAME = "second/app"
BLOB = random.Random(1).randbytes(5 << 20)
HTTP2 = trusting(protocols=["h2"])
LIMITS = "  workers: 1\n  limits: {headertimeout: 1s, bodytimeout: 2s, sendtimeout: 2s}\n"
MEMORY_BYTES = 150 << 20
CLOSE_SECONDS = 30.0
FLOODERS = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureServer]:
    folder = tmp_path_factory.mktemp("http2")
    (folder / "authority.pem").write_bytes(AUTHORITY.pem)
    with stopped(secure_server(folder, extra=LIMITS)) as started:
        with secure(started.connect(HTTP2)) as client:
            assert push(client) == 201
        yield started


def digest_of(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def push(client: Http2, blob: bytes = BLOB) -> int:
    target = f"/v2/{NAME}/blobs/uploads/?digest={digest_of(blob)}"
    return client.request("POST", target, {"content-length": str(len(blob))}, blob).status


def curl(server: SecureServer, *arguments: str, target: str) -> tuple[int, str]:
    """Exit status, and the version of HTTP and the status of the answer."""
    command = ["curl", "--silent", "--cacert", str(server.log.parent / "authority.pem")]
    form = "%{http_version} %{http_code}"
    command += [
        "--write-out",
        form,
        "--max-time",
        "60",
        *arguments,
        f"https://localhost:{server.port}{target}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_curl_pushes_and_pulls(server: SecureServer, tmp_path: Path) -> None:
    require("curl")
    layer = random.Random(2).randbytes(20 << 20)
    digest = digest_of(layer)
    (tmp_path / "layer").write_bytes(layer)
    with secure(server.connect(HTTP2)) as client:
        place = client.request("POST", f"/v2/{NAME}/blobs/uploads/").headers["location"]
    target = f"{place}{'&' if '?' in place else '?'}digest={digest}"
    assert curl(server, "--http2", "-T", str(tmp_path / "layer"), target=target) == (0, "2 201")
    for version, number in (("--http2", "2"), ("--http1.1", "1.1")):
        out = (version, "-o", str(tmp_path / number))
        assert curl(server, *out, target=f"/v2/{NAME}/blobs/{digest}") == (0, f"{number} 200")
        assert (tmp_path / number).read_bytes() == layer


def test_an_answer_that_ends_early_is_not_taken_for_whole(server: SecureServer) -> None:
    """There is no length of the connection to tell it by; the headers have one, and the stream is reset."""
    layer = random.Random(3).randbytes(8 << 20)
    with secure(server.connect(HTTP2), window=0) as client:
        assert push(client, layer) == 201
        number = client.begin("GET", f"/v2/{NAME}/blobs/{digest_of(layer)}")
        while not client.streams[number].status:
            client.pump()
        name = digest_of(layer).removeprefix("sha256:")
        (data,) = server.root.glob(f"docker/registry/v2/blobs/sha256/*/{name}/data")
        os.truncate(data, 5 << 20)
        client.state.increment_flow_control_window(16 << 20)
        client.state.increment_flow_control_window(16 << 20, number)
        client.flush()
        with pytest.raises((Ended, h2.exceptions.InvalidBodyLengthError)):
            client.answer(number)


def test_a_body_that_is_not_wanted_ends_the_stream_and_not_the_connection(server: SecureServer) -> None:
    with secure(server.connect(HTTP2)) as client:
        large = b"{" + b" " * (5 << 20)
        answer = client.request("PUT", f"/v2/{NAME}/manifests/x", {"content-length": str(len(large))}, large)
        assert answer.status == 413
        assert client.request("GET", "/v2/").status == 200


def test_a_refused_body_of_unknown_length_is_taken_before_the_answer(server: SecureServer) -> None:
    """Otherwise the stream is reset while the client still writes, and some clients then drop the answer."""
    with secure(server.connect(HTTP2)) as client:
        number = client.begin("PUT", f"/v2/{NAME}/manifests/!!", end=False)
        client.send_body(number, bytes(8 << 20))
        answer = client.answer(number)
        assert client.request("GET", f"/v2/{NAME}/manifests/none").status == 404
        assert (answer.status, answer.reset) == (400, None)


@pytest.mark.parametrize(("path", "status"), [("/nope", 404), ("/healthz", 405)])
def test_a_body_for_what_is_not_of_the_api_is_taken_before_the_answer(
    server: SecureServer, path: str, status: int
) -> None:
    with secure(server.connect(HTTP2)) as client:
        body = bytes(8 << 20)
        answer = client.request("POST", path, {"content-length": str(len(body))}, body)
        assert (answer.status, answer.reset) == (status, None)
        assert client.request("GET", "/healthz").status == 200


def test_many_requests_share_a_connection(server: SecureServer) -> None:
    with secure(server.connect(HTTP2), window=16 << 20) as client:
        numbers = [client.begin("GET", f"/v2/{NAME}/blobs/{digest_of(BLOB)}") for _ in range(8)]
        client.state.increment_flow_control_window(64 << 20)
        client.flush()
        assert [bytes(client.answer(number).body) == BLOB for number in numbers] == [True] * 8


def test_a_client_that_goes_leaves_no_request_behind(server: SecureServer) -> None:
    """Though many were on its connection: the server ends when told to, which it would not with one left."""
    with secure(server.connect(HTTP2), window=0) as client:
        for _ in range(50):
            client.begin("GET", f"/v2/{NAME}/blobs/{digest_of(BLOB)}")
    with secure(server.connect(HTTP2)) as client:
        assert client.request("GET", "/v2/").status == 200


@pytest.mark.parametrize("flood", FLOODS, ids=lambda flood: flood.__name__)
def test_floods_of_frames_harm_nobody(server: SecureServer, flood: Flood) -> None:
    workers = server.pids()
    connections = [server.connect(HTTP2) for _ in range(FLOODERS)]
    threads = [threading.Thread(target=send, args=(one, flood)) for one in connections]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert server.get("/v2/") == 200
    assert server.rss_bytes() < MEMORY_BYTES * 2
    with secure(server.connect(HTTP2)) as client:
        assert client.request("GET", "/v2/").status == 200
    ports = {one.getsockname()[1] for one in connections}
    eventually(lambda: not ports & open_connections(server.port), CLOSE_SECONDS, "the floods are cut off")
    for one in connections:
        one.close()
    assert set(workers) <= set(server.pids())
    assert "panicked" not in server.said()


def test_it_is_not_offered_where_it_is_switched_off(tmp_path: Path) -> None:
    with stopped(secure_server(tmp_path, extra="  http2: {disabled: true}\n  workers: 1\n")) as server:
        with server.connect(trusting(protocols=["h2", "http/1.1"])) as connection:
            assert connection.selected_alpn_protocol() == "http/1.1"
        assert server.get("/v2/") == 200


def test_without_tls_it_is_spoken_with_those_who_begin_with_it(tmp_path: Path) -> None:
    server = moorage_server(tmp_path, extra=f"{LIMITS}  h2c: {{enabled: true}}\n  relativeurls: false\n")
    with running(server):
        with Http2(connected(server)) as client:
            assert push(client) == 201
            assert client.request("GET", f"/v2/{NAME}/blobs/{digest_of(BLOB)}").body == BLOB
            # It names the host that was asked in a field of its own.
            place = client.request("POST", f"/v2/{NAME}/blobs/uploads/").headers["location"]
            assert place.startswith("http://localhost/v2/")
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as plain:
            plain.request("GET", f"/v2/{NAME}/blobs/{digest_of(BLOB)}")
            assert plain.getresponse().read() == BLOB
        with connected(server) as silent, Http2(connected(server)) as idle:
            assert idle.request("GET", "/v2/").status == 200
            ports = {silent.getsockname()[1], idle.socket.getsockname()[1]}
            eventually(
                lambda: not ports & open_connections(server.port), CLOSE_SECONDS, "who is silent is cut off"
            )


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 30)
