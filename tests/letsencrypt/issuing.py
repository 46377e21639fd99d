"""Files as Go's autocert writes them, and a certificate for an authority's own TLS."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import PrivateFormat

from tests.server.issuing import Authority, Key, key_pem

ROOT = Authority("A root")
SOMEBODY = Authority("Somebody", above=ROOT)


def plain(key: Key) -> bytes:
    """The key in the form that autocert writes: EC PRIVATE KEY, RSA PRIVATE KEY."""
    return key_pem(key, PrivateFormat.TraditionalOpenSSL)


def autocert_file(
    *names: str,
    age: timedelta = timedelta(),
    lifetime: timedelta = timedelta(days=90),
    key: Key | None = None,
) -> bytes:
    """What `autocert.Manager` puts into its cache: key, certificate, chain. It began `age` ago."""
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    issued = SOMEBODY.issue(names[0], begins=-age, ends=lifetime - age, key=key, names=alternatives)
    return plain(issued.key) + issued.chain


def server_files(folder: Path) -> tuple[Path, Path, Path]:
    """CA certificate, server certificate and key for a TLS server on 127.0.0.1."""
    ca, certificate, key = folder / "ca.pem", folder / "server.pem", folder / "server.key"
    ca.write_bytes(ROOT.pem)
    ROOT.issue().write(certificate, key)
    return ca, certificate, key
