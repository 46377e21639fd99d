"""Certificates that are replaced while the server runs: new connections are shown the new one, and nothing is cut."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes import eventually
from tests.server.issuing import DAY, Authority, Issued, key_pem, new_key
from tests.server.secure import (
    AUTHORITY,
    CERTIFICATE,
    KEY,
    SecureServer,
    secure_server,
    stopped,
    trusting,
)

NAME = "renewed/app"
WORKERS = 2
PATIENCE_SECONDS = 30.0
HEADER_SECONDS = 2
RETIREMENT_SECONDS = 2 * HEADER_SECONDS
HURRIED = f"  workers: {WORKERS}\n  limits: {{headertimeout: {HEADER_SECONDS}s}}\n"


def digest_of(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def plain(server: SecureServer) -> http.client.HTTPConnection:
    """A kept-alive connection over TLS and HTTP/1.1."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = server.connect()
    return connection


def push_blob(server: SecureServer, blob: bytes) -> str:
    with contextlib.closing(plain(server)) as connection:
        connection.request("POST", f"/v2/{NAME}/blobs/uploads/?digest={digest_of(blob)}", blob)
        assert connection.getresponse().status == 201
    return digest_of(blob)


def replace(server: SecureServer, issued: Issued) -> None:
    """As people do it: the files are overwritten, one after the other."""
    issued.write(server.log.parent / CERTIFICATE, server.log.parent / KEY)


def shows(server: SecureServer, issued: Issued) -> None:
    eventually(lambda: server.serial() == issued.serial, PATIENCE_SECONDS, "the new certificate is shown")


def workers(server: SecureServer) -> set[int]:
    return set(server.pids()[1:])


def asked_to_leave(connection: http.client.HTTPConnection) -> bool:
    """One more request on it: whether its answer says that it is the last."""
    connection.request("GET", "/v2/")
    answer = connection.getresponse()
    assert answer.read() == b"{}"
    return answer.will_close


class Slowly:
    """A pull and an upload of `blob` under way."""

    def __init__(self, server: SecureServer, blob: bytes, digest: str) -> None:
        self.blob = blob
        target = f"/v2/{NAME}/blobs/uploads/?digest={digest_of(blob + b'.')}"
        self.pull = plain(server)
        self.pull.request("GET", f"/v2/{NAME}/blobs/{digest}")
        self.answer = self.pull.getresponse()
        self.taken = hashlib.sha256(self.answer.read(1 << 20))
        self.upload = plain(server)
        self.upload.putrequest("POST", target)
        self.upload.putheader("Content-Length", str(len(blob) + 1))
        self.upload.endheaders()
        self.upload.send(blob[: 1 << 20])
        self.sent = 1 << 20

    def move(self) -> None:
        """A little of both, so that neither counts as silent."""
        self.taken.update(self.answer.read(1 << 10))
        self.upload.send(self.blob[self.sent : self.sent + (1 << 10)])
        self.sent += 1 << 10

    def finish(self) -> tuple[str, int]:
        """The digest of what was pulled, and the status of the upload."""
        while piece := self.answer.read(1 << 20):
            self.taken.update(piece)
        self.upload.send(self.blob[self.sent :] + b".")
        return f"sha256:{self.taken.hexdigest()}", self.upload.getresponse().status

    def close(self) -> None:
        self.pull.close()
        self.upload.close()


@contextlib.contextmanager
def newcomers(server: SecureServer) -> Iterator[list[str]]:
    """Requests on new connections, one after the other, until the end; what was wrong with any of them."""
    faults: list[str] = []
    stop, done = threading.Event(), [0]

    def run() -> None:
        while not stop.is_set():
            try:
                if (status := server.get(f"/v2/{NAME}/tags/list")) not in (200, 404):
                    faults.append(str(status))
            except OSError as error:
                faults.append(repr(error))
            done[0] += 1

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield faults
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert done[0] > 100


class Mounted:
    """Files as Kubernetes mounts a secret: links to links, of which one is swapped."""

    def __init__(self, folder: Path, issued: Issued) -> None:
        self.folder, self._count = folder, 0
        folder.mkdir()
        self.swap(issued)
        for name in (CERTIFICATE, KEY):
            (folder / name).symlink_to(f"..data/{name}")

    def swap(self, issued: Issued) -> None:
        self._count += 1
        fresh = self.folder / f"..{self._count}"
        fresh.mkdir()
        issued.write(fresh / CERTIFICATE, fresh / KEY)
        (self.folder / "..data_tmp").symlink_to(fresh.name)
        (self.folder / "..data_tmp").rename(self.folder / "..data")


@pytest.mark.parametrize("size", [48 << 20, pytest.param(200 << 20, marks=pytest.mark.soak)])
def test_a_swapped_certificate_is_shown_to_new_connections_and_nothing_is_cut(
    tmp_path: Path, size: int
) -> None:
    blob = random.Random(1).randbytes(size)
    server = secure_server(tmp_path, extra=HURRIED)
    mounted = Mounted(tmp_path / "tls", AUTHORITY.issue())
    config = Path(server.command[-1])
    config.write_text(
        config.read_text()
        .replace(f"{tmp_path / CERTIFICATE}", f"{mounted.folder / CERTIFICATE}")
        .replace(f"{tmp_path / KEY}", f"{mounted.folder / KEY}")
    )
    with stopped(server):
        digest = push_blob(server, blob)
        eventually(lambda: len(workers(server)) == WORKERS, PATIENCE_SECONDS, "all workers are there")
        old, new = workers(server), AUTHORITY.issue()
        with (
            contextlib.closing(Slowly(server, blob, digest)) as transfers,
            contextlib.closing(plain(server)) as kept,
        ):
            assert not asked_to_leave(kept)
            with newcomers(server) as faults:
                mounted.swap(new)
                # A client that keeps its connection goes on with it, and is asked to use another one next time.
                eventually(lambda: asked_to_leave(kept), PATIENCE_SECONDS, "the old workers retire")
                assert server.serial() == new.serial
                began = time.monotonic()
                while time.monotonic() - began < RETIREMENT_SECONDS + 1:
                    transfers.move()
                    time.sleep(0.5)
            assert faults == []
            assert workers(server) & old, "who still has transfers has ended"
            assert transfers.finish() == (digest, 201)
        eventually(lambda: not workers(server) & old, PATIENCE_SECONDS, "the retired workers end")
        assert len(workers(server)) == WORKERS
        assert server.serial() == new.serial
        assert "error" not in server.said()


def test_what_cannot_be_served_is_kept_out_with_a_warning_until_it_is_mended(tmp_path: Path) -> None:
    first, second = Authority("First"), Authority("Second")
    known = {one.name: trusting(client=one.issue("client"), folder=tmp_path) for one in (first, second)}
    (tmp_path / "clients.pem").write_bytes(first.pem)
    good, last = AUTHORITY.issue(), AUTHORITY.issue()
    server = secure_server(tmp_path, good, tls=f"    clientcas: [{tmp_path}/clients.pem]\n", extra=HURRIED)
    server.context = known["First"]

    def warned(words: str) -> None:
        eventually(lambda: words in server.said(), PATIENCE_SECONDS, f"a warning says {words}")
        assert server.serial() == good.serial

    with stopped(server):
        (tmp_path / KEY).write_bytes(key_pem(new_key()))
        warned(f"http.tls.key: {tmp_path / KEY} is not the key of")
        replace(server, AUTHORITY.issue(begins=-9 * DAY, ends=-DAY))
        warned(f"http.tls.certificate: {tmp_path / CERTIFICATE} expired on")
        (tmp_path / "clients.pem").write_bytes(second.pem)
        replace(server, last)
        server.context = known["Second"]
        eventually(lambda: serial(server) == last.serial, PATIENCE_SECONDS, "what was mended is served")
        server.context = known["First"]
        eventually(lambda: serial(server) == 0, PATIENCE_SECONDS, "clients of the old authority are refused")
        assert server.said().count("replaced certificate is not served") == 2
        eventually(
            lambda: server.said().count("new certificate is served") == 1, PATIENCE_SECONDS, "that is told"
        )


def serial(server: SecureServer) -> int:
    """0 while the client is refused."""
    with contextlib.suppress(OSError):
        if server.get("/v2/") == 200:
            return server.serial()
    return 0


@pytest.mark.parametrize("rounds", [2, pytest.param(30, marks=pytest.mark.soak)])
def test_workers_that_are_killed_meanwhile_do_not_keep_the_certificate_from_being_replaced(
    tmp_path: Path, rounds: int
) -> None:
    """An old one in the first round, a new one in the second, and so on."""
    with stopped(secure_server(tmp_path, extra=HURRIED)) as server:
        for number in range(rounds):
            issued, old = AUTHORITY.issue(), workers(server)
            replace(server, issued)
            kill_one_while_replacing(server, old, new=number % 2 == 1)

            def is_served(issued: Issued = issued) -> bool:
                if serial(server) == issued.serial:
                    return True
                # Else it would be tried again after a while only.
                os.kill(server.pid, signal.SIGHUP)
                return False

            eventually(is_served, 3 * PATIENCE_SECONDS, "the new certificate is served")
            assert server.get("/v2/") == 200
        assert "panicked" not in server.said()


def kill_one_while_replacing(server: SecureServer, old: set[int], *, new: bool) -> None:
    os.kill(server.pid, signal.SIGHUP)
    eventually(lambda: bool(workers(server) - old), PATIENCE_SECONDS, "new workers start")

    def killed() -> bool:
        """Old ones of earlier rounds may have ended by themselves."""
        for one in sorted(workers(server) - old if new else workers(server) & old, reverse=True):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
                return True
        return False

    eventually(killed, PATIENCE_SECONDS, "one is killed")


@pytest.mark.parametrize(
    "delay", [0.0, *(pytest.param(one / 20, marks=pytest.mark.soak) for one in range(1, 20))]
)
def test_a_server_that_is_stopped_meanwhile_leaves_no_process(tmp_path: Path, delay: float) -> None:
    with stopped(secure_server(tmp_path, extra=HURRIED)) as server:
        old = workers(server)
        replace(server, AUTHORITY.issue())
        os.kill(server.pid, signal.SIGHUP)
        eventually(lambda: bool(workers(server) - old), PATIENCE_SECONDS, "new workers start")
        time.sleep(delay)


def test_a_server_that_retires_workers_stops_with_them(tmp_path: Path) -> None:
    """Within the drain time, though a transfer could go on."""
    blob = random.Random(2).randbytes(16 << 20)
    with stopped(secure_server(tmp_path, extra=HURRIED + "  draintimeout: 1s\n")) as server:
        digest, issued = push_blob(server, blob), AUTHORITY.issue()
        with contextlib.closing(Slowly(server, blob, digest)):
            replace(server, issued)
            shows(server, issued)
            assert server.stop() == 0


def test_over_storage_in_memory_a_restart_is_needed(tmp_path: Path) -> None:
    issued = AUTHORITY.issue()
    server = secure_server(tmp_path, issued)
    config = Path(server.command[-1])
    before, rest = config.read_text().split("  filesystem:", 1)
    config.write_text(f"{before}  inmemory: {{}}\n  delete:{rest.split('  delete:', 1)[1]}")
    with stopped(server):
        (only,) = workers(server)
        replace(server, AUTHORITY.issue())
        eventually(lambda: "after a restart only" in server.said(), PATIENCE_SECONDS, "a warning says so")
        assert workers(server) == {only}
        assert server.serial() == issued.serial
