"""The cache of Go's autocert, which the reference uses, is gone on with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from moorage.letsencrypt import CertificateError
from tests.letsencrypt.issuing import autocert_file, plain
from tests.letsencrypt.pebble import HOSTS, Pebble
from tests.server.issuing import Key, new_key

HOST = HOSTS[0]


def test_a_certificate_of_autocert_is_served_as_it_is(authority: Pebble, tmp_path: Path) -> None:
    theirs = autocert_file(HOST)
    (tmp_path / HOST).write_bytes(theirs)
    (tmp_path / "acme_account+key").write_bytes(plain(new_key()))
    before = authority.requests()
    assert authority.certificates(tmp_path, HOST).ensure().read_bytes() == theirs
    assert authority.requests() == before


def test_an_rsa_certificate_of_autocert_is_taken_over_under_the_name_of_the_host(
    authority: Pebble, tmp_path: Path
) -> None:
    theirs = autocert_file(HOST, key=rsa.generate_private_key(65537, 2048))
    (tmp_path / f"{HOST}+rsa").write_bytes(theirs)
    before = authority.requests()
    path = authority.certificates(tmp_path, HOST).ensure()
    assert path == tmp_path / HOST
    assert path.read_bytes() == theirs
    assert authority.requests() == before


def test_a_wildcard_covers_its_hosts(authority: Pebble, tmp_path: Path) -> None:
    theirs = autocert_file("*.example.com")
    (tmp_path / HOST).write_bytes(theirs)
    assert authority.certificates(tmp_path).ensure().read_bytes() == theirs


def test_a_certificate_for_one_of_several_hosts_is_not_enough(authority: Pebble, tmp_path: Path) -> None:
    theirs = autocert_file(HOST)
    (tmp_path / HOST).write_bytes(theirs)
    assert authority.certificates(tmp_path).ensure().read_bytes() != theirs
    assert not (tmp_path / f"{HOST}+damaged").exists()


@pytest.mark.parametrize("name", ["acme_account+key", "acme_account.key"])
@pytest.mark.parametrize(
    "make",
    [new_key, lambda: ec.generate_private_key(ec.SECP384R1()), lambda: rsa.generate_private_key(65537, 2048)],
    ids=["P-256", "P-384", "RSA"],
)
def test_its_account_is_used(authority: Pebble, tmp_path: Path, name: str, make: Callable[[], Key]) -> None:
    key = make()
    (tmp_path / name).write_bytes(plain(key))
    accounts = authority.accounts()
    authority.certificates(tmp_path, HOST).ensure()
    (tmp_path / HOST).unlink()
    authority.certificates(tmp_path, HOST).ensure()
    assert authority.accounts() == accounts + 1
    assert (tmp_path / name).read_bytes() == plain(key)


def test_what_is_written_is_in_the_form_of_autocert(authority: Pebble, tmp_path: Path) -> None:
    """autocert wants the key first, of the kind that the name of the file tells, and then nothing but certificates."""
    pem = authority.certificates(tmp_path).ensure().read_bytes()
    kinds = [line for line in pem.decode().splitlines() if line.startswith("-----BEGIN")]
    assert kinds == ["-----BEGIN EC PRIVATE KEY-----", *["-----BEGIN CERTIFICATE-----"] * 2]
    assert isinstance(load_pem_private_key(pem, None), ec.EllipticCurvePrivateKey)
    leaf = x509.load_pem_x509_certificates(pem)[0]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc > timedelta(days=89)
    account = (tmp_path / "acme_account+key").read_text()
    assert account.startswith("-----BEGIN EC PRIVATE KEY-----")


def test_the_file_of_version_2_is_refused_with_advice(authority: Pebble, tmp_path: Path) -> None:
    old = tmp_path / "letsencrypt.cache"
    old.write_text("{}")
    with pytest.raises(CertificateError, match=r"is a file .*cachefile.*name another path"):
        authority.certificates(old).ensure()
    assert old.read_text() == "{}"
