"""Certificates (PEM) with a fault that a library notices only when it is asked for something in them."""

from __future__ import annotations

import ssl

from cryptography import x509

from tests.server.issuing import Issued

ISSUER_NAMES = x509.IssuerAlternativeName([x509.DNSName("localhost")])
"""To be issued with, by whoever wants `named_twice`."""

_SUBJECT, _ISSUER = bytes.fromhex("0603551d11"), bytes.fromhex("0603551d12")
_THIRD, _EIGHTH = bytes.fromhex("a003020102"), bytes.fromhex("a003020107")


def named_twice(issued: Issued) -> bytes:
    """It has an extension twice."""
    return _changed(issued, _ISSUER, _SUBJECT)


def of_no_version(issued: Issued) -> bytes:
    return _changed(issued, _THIRD, _EIGHTH)


def _changed(issued: Issued, before: bytes, after: bytes) -> bytes:
    content = ssl.PEM_cert_to_DER_cert(issued.pem.decode())
    assert content.count(before) == 1
    return ssl.DER_cert_to_PEM_cert(content.replace(before, after)).encode()
