from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from moorage.config.rendering import effective
from moorage.config.sections.http import Http

from ..conftest import INMEMORY, Load, Refuse


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


@pytest.mark.parametrize(
    ("addr", "debug"),
    [
        ("127.0.0.1:5001", "127.0.0.1:5001"),
        (":5001", "0.0.0.0:5001"),
        ("[::]:5001", ":5001"),
        ("Host:5001", "host:5001"),
    ],
)
def test_the_debug_listener_has_an_address_of_its_own(addr: str, debug: str, refused: Refuse) -> None:
    (problem,) = refused(f"{INMEMORY}http:\n  addr: '{addr}'\n  debug: {{addr: '{debug}'}}\n").problems
    assert (problem.path, problem.line) == ("http.debug", 5)
    assert problem.message == f"addr is {debug}, where http.addr listens: take another port"


@pytest.mark.parametrize(
    ("addr", "debug"),
    [
        ("127.0.0.1:5001", "127.0.0.1:5002"),
        ("127.0.0.1:5001", "127.0.0.2:5001"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        (":0", ":0"),
    ],
)
def test_two_addresses_that_are_not_the_same_are_taken(addr: str, debug: str) -> None:
    assert Http.model_validate({"addr": addr, "debug": {"addr": debug}}).debug.addr == debug


def test_a_header_cannot_become_two() -> None:
    with pytest.raises(ValidationError, match="printable"):
        Http(headers={"X-A": ["a\r\nSet-Cookie: b"]})
    with pytest.raises(ValidationError, match="header name"):
        Http(headers={"X-A: b\r\nX-B": ["a"]})


URLS = ("10.9.8.7", "172.31.0.1", "192.168.1.1", "fd00::1")
LOOPBACK = ("127.0.0.1", "127.8.8.8", "::1")
OTHERS = ("8.8.8.8", "172.32.0.1", "2001:db8::1", "0.0.0.0")


def within(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(ip_address(address) in network for network in networks)


def test_unless_proxies_are_named_private_ones_are_believed_about_urls_and_loopback_about_clients() -> None:
    http = Http()
    assert all(within(address, http.proxies_for_urls) for address in (*URLS, *LOOPBACK))
    assert all(within(address, http.proxies_for_clients) for address in LOOPBACK)
    assert not any(within(address, http.proxies_for_clients) for address in URLS)
    assert not any(within(address, http.proxies_for_urls) for address in OTHERS)


def test_proxies_that_are_named_are_believed_about_both_and_no_others(loaded: Load) -> None:
    http = loaded("http:\n  trustedproxies: [10.1.0.0/16]\n").configuration.http
    assert http.proxies_for_urls == http.proxies_for_clients == (ip_network("10.1.0.0/16"),)


def test_no_proxy_may_be_trusted_at_all(loaded: Load) -> None:
    http = loaded("http:\n  trustedproxies: []\n").configuration.http
    assert http.trustedproxies == []
    assert http.proxies_for_urls == http.proxies_for_clients == ()


@pytest.mark.parametrize("text", ["http: {}\n", "http:\n  trustedproxies:\n"])
def test_what_is_printed_as_effective_means_the_same_when_it_is_loaded(text: str, loaded: Load) -> None:
    printed = yaml.safe_load(effective(loaded(text).configuration))
    again = loaded(yaml.safe_dump({"http": printed["http"]})).configuration.http
    assert again.proxies_for_clients == Http().proxies_for_clients
    assert again.proxies_for_urls == Http().proxies_for_urls
