"""The process that renews: beside a parent, without its sockets, and no longer than it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from moorage.letsencrypt import Certificates
from moorage.letsencrypt.bundle import parse
from moorage.letsencrypt.process import RenewingProcess
from tests.letsencrypt.issuing import autocert_file
from tests.letsencrypt.pebble import HOSTS, Pebble, pebble
from tests.support.ports import free_port

SECONDS = 30.0
LOGGING = {"level": "info", "form": "json", "fields": {"service": "test"}}


@contextlib.contextmanager
def going_to(file: Path, descriptor: int) -> Iterator[None]:
    """What is started inside has this file there. `capfd` would lose what is written while it reads."""
    kept = os.dup(descriptor)
    with file.open("ab") as output:
        os.dup2(output.fileno(), descriptor)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)


@contextlib.contextmanager
def renewing(certificates: Certificates, **more: str) -> Iterator[None]:
    """`more`: of its log."""
    certificates.start({**LOGGING, **more})
    try:
        yield
    finally:
        certificates.stop()


def test_a_certificate_is_replaced_when_a_third_of_its_life_is_left_and_again(tmp_path: Path) -> None:
    """What comes so late that it is due already is not renewed again, so these must last for as long as a machine may pause."""
    with pebble(tmp_path / "pebble", lifetime=12) as authority:
        certificates = authority.certificates(tmp_path / "cache")
        seen = [parse(certificates.ensure().read_bytes())]
        with renewing(certificates):
            while len(seen) < 3:
                until(lambda: certificates.path.read_bytes() != seen[-1].pem)
                seen.append(parse(certificates.path.read_bytes()))
    for before, after in pairwise(seen):
        assert after.since >= before.due - timedelta(seconds=1)


def test_what_is_near_its_end_is_renewed_at_start(authority: Pebble, tmp_path: Path) -> None:
    late = autocert_file(*HOSTS, age=timedelta(days=80))
    certificates = authority.certificates(tmp_path)
    certificates.path.write_bytes(late)
    with renewing(certificates):
        until(lambda: certificates.path.read_bytes() != late)
    assert parse(certificates.path.read_bytes()).covers(HOSTS)


def test_a_failure_is_told_once_and_the_old_certificate_stays(tmp_path: Path) -> None:
    late = autocert_file(*HOSTS, age=timedelta(days=80))
    (tmp_path / HOSTS[0]).write_bytes(late)
    nobody = f"https://127.0.0.1:{free_port()}/dir"
    certificates = Certificates(tmp_path, HOSTS, None, nobody, f"127.0.0.1:{free_port()}")
    with going_to(tmp_path / "log", 2), renewing(certificates):
        lines = logged(tmp_path / "log", "not renewed")
    (line,) = [line for line in lines if "not renewed" in line["msg"]]
    assert line["level"] == "warning"
    assert line["hosts"] == ",".join(HOSTS)
    assert line["service"] == "test"
    assert nobody in line["error"]
    assert "Connection refused" in line["error"]
    assert line["again"].endswith("Z")
    assert (tmp_path / HOSTS[0]).read_bytes() == late


def test_what_it_says_is_told_where_the_log_is(tmp_path: Path) -> None:
    (tmp_path / HOSTS[0]).write_bytes(autocert_file(*HOSTS, age=timedelta(days=80)))
    nobody = f"https://127.0.0.1:{free_port()}/dir"
    certificates = Certificates(tmp_path, HOSTS, None, nobody, f"127.0.0.1:{free_port()}")
    with going_to(tmp_path / "log", 1), renewing(certificates, output="stdout"):
        assert logged(tmp_path / "log", "not renewed")


def test_it_has_nothing_of_the_parent_open(authority: Pebble, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        os.set_inheritable(listener.fileno(), True)
        process = RenewingProcess()
        process.start(settings(authority, tmp_path))
        address = listener.getsockname()
        until(lambda: process.pid is not None and b"renewing" in command(process.pid))
    try:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
    finally:
        process.stop()


def test_it_ends_when_its_parent_was_killed(authority: Pebble, tmp_path: Path) -> None:
    authority.certificates(tmp_path).ensure()
    script = (
        "import json, sys, time\n"
        "from moorage.letsencrypt.process import RenewingProcess\n"
        "process = RenewingProcess()\n"
        "process.start(json.loads(sys.argv[1]))\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(settings(authority, tmp_path))], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    until(lambda: b"renewing" in command(child))
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    until(lambda: b"renewing" not in command(child))


def test_it_ends_on_sigterm_also_when_its_parent_holds_signals(authority: Pebble, tmp_path: Path) -> None:
    process = RenewingProcess()
    held = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    try:
        process.start(settings(authority, tmp_path))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    child = process.pid
    assert child is not None
    until((tmp_path / HOSTS[0]).exists)
    os.kill(child, signal.SIGTERM)
    until(lambda: process.pid is None)
    process.stop()


def test_one_that_ended_by_itself_is_started_again_but_not_at_once(authority: Pebble, tmp_path: Path) -> None:
    given = settings(authority, tmp_path)
    for pause, again in ((0.0, True), (3600.0, False)):
        process = RenewingProcess(restart_seconds=pause)
        process.start(given)
        first = process.pid
        assert first is not None
        process.start(given)
        assert process.pid == first
        os.kill(first, signal.SIGKILL)
        until(lambda process=process: process.pid is None)  # type: ignore[misc]
        process.start(given)
        assert (process.pid is not None) == again
        process.stop()
        assert process.pid is None


def settings(authority: Pebble, cache: Path) -> dict[str, object]:
    return {
        "logging": LOGGING,
        "certificates": {
            "cache": str(cache),
            "hosts": HOSTS,
            "directory_url": authority.url,
            "challenge_address": authority.challenge,
            "ca_bundle": str(authority.ca),
        },
    }


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def command(pid: int) -> bytes:
    """Of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def logged(file: Path, words: str) -> list[dict[str, str]]:
    """The lines of the process, when one has these words."""
    text = ""
    deadline = time.monotonic() + SECONDS
    while words not in text or not text.endswith("\n"):
        assert time.monotonic() < deadline, f"nothing says {words}:\n{text}"
        time.sleep(0.05)
        text = file.read_text()
    return [json.loads(line) for line in text.splitlines()]
