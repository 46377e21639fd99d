"""Several processes on one folder, and processes that are killed."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from moorage.letsencrypt import CertificateError
from moorage.letsencrypt.bundle import parse
from moorage.letsencrypt.cache import Cache
from tests.letsencrypt.asking import asking
from tests.letsencrypt.issuing import autocert_file
from tests.letsencrypt.pebble import HOSTS, Pebble, pebble

HOST = HOSTS[0]
SECONDS = 30.0


@pytest.fixture(scope="module")
def slow_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """Takes up to a second to look at a host, and says that one should ask again after one: in seconds or as a date."""
    slow = {"PEBBLE_VA_NOSLEEP": "0", "PEBBLE_VA_SLEEPTIME": "2"}
    later = {"retryAfter": {"authz": 1, "order": 1}}
    with pebble(tmp_path_factory.mktemp("slow"), environment=slow, settings=later) as running:
        yield running


def test_of_servers_that_start_together_one_asks(slow_authority: Pebble, tmp_path: Path) -> None:
    before = slow_authority.orders()
    servers = [asking(slow_authority, tmp_path) for _ in range(3)]
    ended = [server.communicate(timeout=SECONDS) for server in servers]
    assert [out.strip() for out, _ in ended] == [str(tmp_path / HOST)] * 3, ended
    assert slow_authority.orders() == before + 1


def test_a_server_that_is_killed_while_it_asks_leaves_a_folder_to_go_on_with(
    slow_authority: Pebble, tmp_path: Path
) -> None:
    before = slow_authority.orders()
    server = asking(slow_authority, tmp_path, dies=True)
    server.communicate(timeout=SECONDS)
    assert server.returncode == -signal.SIGKILL
    assert slow_authority.orders() == before + 1
    assert not (tmp_path / HOST).exists()
    assert slow_authority.certificates(tmp_path).ensure().exists()
    assert _names(tmp_path) == {HOST, ".lock", "acme_account+key"}


def test_kills_at_any_moment_leave_a_whole_certificate(authority: Pebble, tmp_path: Path) -> None:
    _kill_at_any_moment(authority, tmp_path, times=3)


@pytest.mark.soak
def test_many_kills_at_any_moment_leave_a_whole_certificate(authority: Pebble, tmp_path: Path) -> None:
    _kill_at_any_moment(authority, tmp_path, times=200)


def _kill_at_any_moment(authority: Pebble, folder: Path, times: int) -> None:
    """Each is killed while it replaces an expired certificate, at some moment between its start and its end."""
    old = autocert_file(*HOSTS, age=timedelta(days=91))
    for number in range(times):
        cache = folder / str(number)
        cache.mkdir()
        (cache / HOST).write_bytes(old)
        server = asking(authority, cache)
        _until((cache / ".lock").exists)
        time.sleep(random.uniform(0, 0.3))
        _kill(server)
        assert parse((cache / HOST).read_bytes()).covers(HOSTS)
        (cache / HOST).write_bytes(old)
        assert authority.certificates(cache).ensure().read_bytes() != old
        assert _names(cache) == {HOST, ".lock", "acme_account+key"}
        shutil.rmtree(cache)


def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    (tmp_path / ".temporary-x").write_text("half")
    with cache.turn():
        cache.write("name", b"content")
    assert _names(tmp_path) == {"name", ".lock"}


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CertificateError, match=r"cannot use .*Not a directory"):
        Cache(tmp_path / "file" / "cache").prepare()


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def _kill(server: subprocess.Popen[str]) -> None:
    server.send_signal(signal.SIGKILL)
    server.communicate()


def _names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}
