"""Names that a certificate can be for."""

from __future__ import annotations

from pathlib import Path

import pytest

from moorage.letsencrypt import CertificateError, Certificates
from moorage.letsencrypt.hosts import host_names


def test_names_are_written_in_one_way_and_once() -> None:
    given = ["Registry.Example.com", "registry.example.com.", "xn--bcher-kva.example", "registry"]
    assert host_names(given) == ("registry.example.com", "xn--bcher-kva.example", "registry")


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("*.example.com", "wildcards"),
        ("bücher.example", "xn--"),
        ("192.0.2.1", "is an address"),
        ("[2001:db8::1]", "is an address"),
        ("https://registry.example.com", "without scheme, port and path"),
        ("registry.example.com:5000", "without scheme, port and path"),
        ("../registry", "no host name"),
        ("-a.example.com", "no host name"),
        ("a..example.com", "no host name"),
        ("a" * 64 + ".example.com", "no host name"),
        ("a." * 127 + "example", "no host name"),
        ("", "no host name"),
    ],
)
def test_what_cannot_have_a_certificate_is_refused_with_the_reason(
    tmp_path: Path, host: str, words: str
) -> None:
    with pytest.raises(CertificateError, match=words):
        Certificates(tmp_path, ["registry.example.com", host])


def test_no_hosts_are_refused_by_the_name_of_the_key(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"http\.tls\.letsencrypt\.hosts is empty"):
        Certificates(tmp_path, [])
