"""Certificates that a real authority issues, and what the operator reads when it does not."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from moorage.letsencrypt import CertificateError, Certificates
from moorage.letsencrypt.bundle import parse
from tests.letsencrypt.issuing import autocert_file
from tests.letsencrypt.pebble import HOSTS, Pebble, pebble
from tests.support.ports import free_port


def test_the_first_certificate_is_for_all_hosts_and_leads_to_the_root(
    authority: Pebble, tmp_path: Path
) -> None:
    path = authority.certificates(tmp_path / "cache", email="ops@example.com").ensure()
    assert path == tmp_path / "cache" / HOSTS[0]
    chain = x509.load_pem_x509_certificates(path.read_bytes())
    root = x509.load_pem_x509_certificate(authority.root().encode())
    for host in HOSTS:
        verifier = PolicyBuilder().store(Store([root])).build_server_verifier(x509.DNSName(host))
        assert verifier.verify(chain[0], chain[1:])
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)


def test_keys_are_for_the_owner_only(authority: Pebble, tmp_path: Path) -> None:
    path = authority.certificates(tmp_path / "a" / "cache").ensure()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    found = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert found == {HOSTS[0]: 0o600, "acme_account+key": 0o600, ".lock": 0o600}


def test_a_start_with_a_certificate_asks_nobody_and_needs_no_port(authority: Pebble, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = authority.certificates(cache).ensure().read_bytes()
    before = authority.requests()
    with socket.create_server(("127.0.0.1", 0)) as busy:
        again = authority.certificates(cache, challenge=address(busy)).ensure()
    assert again.read_bytes() == first
    assert authority.requests() == before


def test_a_host_that_is_added_gets_into_a_new_certificate(authority: Pebble, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert parse(authority.certificates(cache, *HOSTS).ensure().read_bytes()).covers(HOSTS)
    more = (*HOSTS, "third.example.com")
    assert parse(authority.certificates(cache, *more).ensure().read_bytes()).covers(more)


def test_a_certificate_that_has_expired_is_replaced_at_start(authority: Pebble, tmp_path: Path) -> None:
    old = autocert_file(*HOSTS, age=timedelta(days=91))
    (tmp_path / HOSTS[0]).write_bytes(old)
    assert authority.certificates(tmp_path).ensure().read_bytes() != old


WHOLE = autocert_file(*HOSTS)
OTHERS_KEY = autocert_file(*HOSTS).partition(b"-----BEGIN CERTIFICATE")[0]
DAMAGED = {
    "empty": b"",
    "garbage": b"garbage",
    "torn": WHOLE[:300],
    "without certificate": OTHERS_KEY,
    "of another key": OTHERS_KEY + WHOLE[WHOLE.index(b"-----BEGIN CERTIFICATE") :],
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_kept_aside_and_a_certificate_obtained_anew(
    authority: Pebble, tmp_path: Path, damage: bytes
) -> None:
    (tmp_path / HOSTS[0]).write_bytes(damage)
    got = parse(authority.certificates(tmp_path).ensure().read_bytes())
    assert got.covers(HOSTS)
    assert (tmp_path / f"{HOSTS[0]}+damaged").read_bytes() == damage


def test_a_damaged_account_key_is_kept_aside_and_another_account_opened(
    authority: Pebble, tmp_path: Path
) -> None:
    (tmp_path / "acme_account+key").write_bytes(b"garbage")
    authority.certificates(tmp_path).ensure()
    assert (tmp_path / "acme_account+key+damaged").read_bytes() == b"garbage"


def test_renewal_replaces_only_what_is_near_its_end(authority: Pebble, tmp_path: Path) -> None:
    certificates = authority.certificates(tmp_path)
    early, late = autocert_file(*HOSTS, age=timedelta(days=59)), autocert_file(*HOSTS, age=timedelta(days=61))
    certificates.path.write_bytes(early)
    assert certificates.renew().pem == early
    certificates.path.write_bytes(late)
    assert certificates.ensure().read_bytes() == late
    renewed = certificates.renew()
    assert renewed.pem not in (early, late)
    assert certificates.path.read_bytes() == renewed.pem


def test_an_authority_that_is_down_leaves_the_old_certificate_in_force(tmp_path: Path) -> None:
    late = autocert_file(*HOSTS, age=timedelta(days=89))
    (tmp_path / HOSTS[0]).write_bytes(late)
    nobody = f"https://127.0.0.1:{free_port()}/dir"
    certificates = Certificates(tmp_path, HOSTS, None, nobody, f"127.0.0.1:{free_port()}")
    with pytest.raises(CertificateError, match=f"cannot reach {nobody}: Connection refused"):
        certificates.renew()
    assert certificates.ensure().read_bytes() == late


def test_a_refusal_tells_the_host_the_reason_and_what_to_do(authority: Pebble, tmp_path: Path) -> None:
    broken = "broken.example.com"
    authority.tell_dns("set-servfail", host=broken)
    with pytest.raises(CertificateError) as raised:
        authority.certificates(tmp_path, HOSTS[0], broken).ensure()
    said = str(raised.value)
    assert "\n" not in said
    assert f"refuses: {broken}: " in said
    assert "could not resolve" in said
    assert "must lead here" in said


def test_who_was_refused_does_not_ask_again_at_once_unless_something_changed(
    authority: Pebble, tmp_path: Path
) -> None:
    broken = "again.example.com"
    authority.tell_dns("set-servfail", host=broken)
    with pytest.raises(CertificateError, match="refuses"):
        authority.certificates(tmp_path, broken).ensure()
    authority.tell_dns("clear-servfail", host=broken)
    before = authority.requests()
    with pytest.raises(CertificateError, match=r"could not resolve.*not asked again before") as raised:
        authority.certificates(tmp_path, broken).ensure()
    assert 0 < raised.value.wait <= 70
    assert authority.requests() == before
    refused = tmp_path / f"{broken}+refused"
    assert str(refused) in str(raised.value)
    refused.unlink()
    assert authority.certificates(tmp_path, broken).ensure().exists()
    assert not refused.exists()


def test_another_configuration_is_asked_for_at_once(authority: Pebble, tmp_path: Path) -> None:
    good, broken = "good.example.com", "typo.example.com"
    authority.tell_dns("set-servfail", host=broken)
    with pytest.raises(CertificateError, match="refuses"):
        authority.certificates(tmp_path, good, broken).ensure()
    assert authority.certificates(tmp_path, good).ensure().exists()


def test_something_else_on_the_port_is_named_and_nobody_is_asked(authority: Pebble, tmp_path: Path) -> None:
    before = authority.requests()
    with socket.create_server(("127.0.0.1", 0)) as busy:
        taken = address(busy)
        with pytest.raises(
            CertificateError, match=f"cannot listen on {taken}: Address already in use; .*stop"
        ):
            authority.certificates(tmp_path, challenge=taken).ensure()
    assert authority.requests() == before


def test_an_address_of_another_machine_is_named(authority: Pebble, tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"cannot listen on 192\.0\.2\.1:80: Cannot assign"):
        authority.certificates(tmp_path, challenge="192.0.2.1:80").ensure()


def test_an_authority_that_nobody_trusts_is_explained(authority: Pebble, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path, HOSTS, None, authority.url, authority.challenge)
    with pytest.raises(CertificateError, match=r"cannot trust .*SSL_CERT_FILE"):
        certificates.ensure()


def test_a_bundle_of_authorities_that_is_not_there_is_named(authority: Pebble, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    certificates = Certificates(tmp_path, HOSTS, None, authority.url, authority.challenge, missing)
    with pytest.raises(CertificateError, match=f"cannot ask .*{missing}"):
        certificates.ensure()


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_authority_is_trusted_by_environment(
    authority: Pebble, tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(variable, str(authority.ca))
    assert Certificates(tmp_path, HOSTS, None, authority.url, authority.challenge).ensure().exists()


def test_an_authority_that_wants_other_accounts_is_refused_by_name(tmp_path: Path) -> None:
    external: dict[str, object] = {
        "externalAccountBindingRequired": True,
        "externalAccountMACKeys": {"a": "YWJj"},
    }
    with (
        pebble(tmp_path / "pebble", settings=external) as running,
        pytest.raises(CertificateError, match="choose another directoryurl"),
    ):
        running.certificates(tmp_path / "cache").ensure()


def test_a_blocked_name_is_refused_with_the_words_of_the_authority(tmp_path: Path) -> None:
    blocked: dict[str, object] = {"domainBlocklist": ["blocked.example.com"]}
    with (
        pebble(tmp_path / "pebble", settings=blocked) as running,
        pytest.raises(CertificateError, match=r"blocked\.example\.com.*letsencrypt\.hosts"),
    ):
        running.certificates(tmp_path / "cache", "blocked.example.com").ensure()


def test_nonces_may_be_rejected_several_times_in_a_row(tmp_path: Path) -> None:
    with pebble(tmp_path / "pebble", environment={"PEBBLE_WFE_NONCEREJECT": "25"}) as running:
        for number in range(6):
            host = f"host{number}.example.com"
            assert running.certificates(tmp_path / "cache", host).ensure().exists()


def test_no_thread_is_left_for_workers_to_be_forked_beside(authority: Pebble, tmp_path: Path) -> None:
    # Those of other tests may end at any moment.
    before = set(threading.enumerate())
    authority.certificates(tmp_path).ensure()
    assert not set(threading.enumerate()) - before


def address(listener: socket.socket) -> str:
    return f"127.0.0.1:{listener.getsockname()[1]}"
