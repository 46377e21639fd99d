from pathlib import Path

import pytest
from pydantic import ValidationError

from moorage.config.sections.http import Http

from ..conftest import Load


@pytest.mark.parametrize(
    ("given", "kept"), [("/", "/"), ("", "/"), ("/a/b/", "/a/b/"), ("a", "/a/"), ("/a", "/a/"), ("a/", "/a/")]
)
def test_a_prefix_has_a_slash_on_both_ends(given: str, kept: str) -> None:
    assert Http(prefix=given).prefix == kept


@pytest.mark.parametrize("prefix", ["/a b/", "/a?b/", "/a#b/", "http://h/"])
def test_a_prefix_is_a_path(prefix: str) -> None:
    with pytest.raises(ValidationError, match="must be a path"):
        Http(prefix=prefix)


def test_the_address_of_a_unix_socket_is_a_path() -> None:
    assert Http(net="unix", addr="/run/moorage.sock").listen == Path("/run/moorage.sock")
    with pytest.raises(ValidationError, match="HOST:PORT"):
        Http(net="tcp", addr="/run/moorage.sock")


def test_a_header_cannot_become_two() -> None:
    with pytest.raises(ValidationError, match="printable"):
        Http(headers={"X-A": ["a\r\nSet-Cookie: b"]})
    with pytest.raises(ValidationError, match="header name"):
        Http(headers={"X-A: b\r\nX-B": ["a"]})


def test_private_networks_are_trusted_and_public_ones_are_not() -> None:
    from ipaddress import ip_address

    def trusted(address: str) -> bool:
        return any(ip_address(address) in network for network in Http().trustedproxies)

    assert all(
        trusted(address)
        for address in ("127.0.0.1", "::1", "10.9.8.7", "172.31.0.1", "192.168.1.1", "fd00::1")
    )
    assert not any(trusted(address) for address in ("8.8.8.8", "172.32.0.1", "2001:db8::1"))


def test_no_proxy_may_be_trusted_at_all(loaded: Load) -> None:
    assert loaded("http:\n  trustedproxies: []\n").configuration.http.trustedproxies == []
