"""Names that a certificate can be for."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from moorage.letsencrypt.errors import CertificateError

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_KEY = "http.tls.letsencrypt.hosts"


def host_names(given: Iterable[str]) -> tuple[str, ...]:
    """The hosts in lower case, without a final dot and without duplicates, in the given order. Raises CertificateError."""
    names = tuple(dict.fromkeys(_host_name(host) for host in given))
    if not names:
        raise CertificateError(f"{_KEY} is empty: name the hosts that the certificate is for")
    return names


def _host_name(host: str) -> str:
    name = host.lower().removesuffix(".")
    if "*" in name:
        raise CertificateError(
            f"{_KEY}: {host}: wildcards need a challenge in DNS, which is not supported; list the names"
        )
    if not name.isascii():
        raise CertificateError(f"{_KEY}: {host}: write it as DNS has it (xn--…)")
    if _is_address(name):
        raise CertificateError(f"{_KEY}: {host} is an address; certificates are for names")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise CertificateError(f"{_KEY}: {host} is no host name; write it without scheme, port and path")
    return name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def matches(pattern: str, host: str) -> bool:
    """Whether a name in a certificate, whose first label may be `*`, is for this host."""
    pattern = pattern.lower()
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:]
    return pattern == host
