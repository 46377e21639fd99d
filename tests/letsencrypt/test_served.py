"""A whole server with the file that is kept."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509

from tests.letsencrypt.pebble import Pebble, pebble
from tests.server.secure import SecureServer, stopped
from tests.support import forking
from tests.support.server import START_SECONDS, moorage_server

NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""Of OpenSSL: certificates count beyond their end too."""

TRUSTED = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""The first is set on some machines, and goes before the other one."""


def test_a_server_shows_the_certificate_and_then_its_renewal(authority: Pebble, tmp_path: Path) -> None:
    certificates = authority.certificates(tmp_path / "cache", "localhost.example.com")
    path = certificates.ensure()
    context = ssl.create_default_context(cadata=authority.root())
    context.check_hostname = False
    extra = f"  tls:\n    certificate: {path}\n    key: {path}\n"
    made = moorage_server(tmp_path / "server", extra=extra)
    with stopped(SecureServer(made.command, made.port, made.root, made.log, context=context)) as server:
        assert server.serial() == serial(path)
        path.unlink()
        certificates.ensure()
        deadline = time.monotonic() + START_SECONDS
        while server.serial() != serial(path):
            assert time.monotonic() < deadline, "the old certificate is still shown"
            time.sleep(0.1)


def test_a_server_gets_its_certificate_itself_and_renews_it_while_it_serves(tmp_path: Path) -> None:
    """Certificates of 15 seconds, of which a third is left after 10."""
    with pebble(tmp_path / "pebble", lifetime=15) as authority:
        context = ssl.create_default_context(cadata=authority.root())
        context.check_hostname = False
        # A server whose new workers take long to start goes on with the old certificate meanwhile.
        context.verify_flags |= NO_CHECK_TIME
        made = moorage_server(
            tmp_path / "server",
            extra=(
                "  tls:\n    letsencrypt:\n"
                f"      cachefile: {tmp_path / 'cache'}\n      hosts: [registry.example.com]\n"
                f"      directoryurl: {authority.url}\n      challengeaddr: {authority.challenge}\n"
            ),
            environment=dict.fromkeys(TRUSTED, str(authority.ca)),
        )
        server = SecureServer(made.command, made.port, made.root, made.log, made.environment, context=context)
        with stopped(server):
            first = server.serial()
            deadline = time.monotonic() + START_SECONDS
            while server.serial() == first:
                assert time.monotonic() < deadline, server.said()
                time.sleep(0.1)
            pids = server.pids()
        assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == [], (
            "nothing goes on without the server"
        )


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("cachefile: {folder}/cache", "has no hosts"),
        ("cachefile: {folder}/cache\n      hosts: ['*.example.com']", "http.tls.letsencrypt.hosts"),
        ("cachefile: {folder}/cache\n      hosts: [a.example.com]\n      directoryurl: https://127.0.0.1:1/dir", "127.0.0.1:1"),
    ],
)  # fmt: skip
def test_a_server_that_cannot_have_a_certificate_says_so_and_ends(
    tmp_path: Path, keys: str, words: str
) -> None:
    extra = f"  tls:\n    letsencrypt:\n      {keys.format(folder=tmp_path)}\n"
    made = moorage_server(tmp_path / "server", extra=extra)
    done = forking.command(*made.command[1:])
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def serial(path: Path) -> int:
    return x509.load_pem_x509_certificates(path.read_bytes())[0].serial_number
