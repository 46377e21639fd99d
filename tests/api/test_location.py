"""Locations: relative, absolute, behind proxies that are trusted and others that are not."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.api.location import Locations

PATH = "/v2/a/blobs/uploads/"
EVERYBODY = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


def scope(
    *headers: tuple[str, str], scheme: str = "http", client: tuple[str, int] | None = ("192.0.2.7", 1)
) -> Any:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": "http", "scheme": scheme, "headers": raw, "client": client}


HOST = ("host", "registry.example:5000")


def test_a_location_is_relative_by_default() -> None:
    assert Locations().of(scope(HOST), PATH) == PATH
    assert Locations(prefix="/deep").of(scope(HOST), PATH) == "/deep" + PATH


def test_a_configured_host_is_the_host() -> None:
    hostile = scope(("host", "evil.example"), ("x-forwarded-host", "evil.example"))
    found = Locations(host="https://hub.example/", trusted=EVERYBODY).of(hostile, PATH)
    assert found == "https://hub.example" + PATH
    assert Locations(host="https://hub.example", relative=True).of(hostile, PATH) == PATH


@pytest.mark.parametrize("host", ["https://hub.example", "https://hub.example/p"])
def test_the_configured_host_is_the_whole_address_as_in_the_reference(host: str) -> None:
    """A proxy may put the prefix in, or leave it as it is."""
    for slash in ("", "/"):
        assert Locations(host=host + slash, prefix="/p").of(scope(HOST), PATH) == host + PATH


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((HOST,), "http://registry.example:5000"),
        ((HOST, ("x-forwarded-proto", "https")), "https://registry.example:5000"),
        ((HOST, ("x-forwarded-host", "hub.example")), "http://hub.example"),
        ((HOST, ("x-forwarded-host", "hub.example, inner.example")), "http://hub.example"),
        (
            (HOST, ("x-forwarded-host", "hub.example"), ("x-forwarded-port", "8443")),
            "http://hub.example:8443",
        ),
        (
            (("x-forwarded-proto", "https"), ("x-forwarded-host", "h"), ("x-forwarded-port", "443")),
            "https://h",
        ),
        ((HOST, ("x-forwarded-prefix", "/hub/")), "http://registry.example:5000/hub"),
        ((HOST, ("forwarded", 'for=1.2.3.4;host="hub.example:1";proto=https')), "https://hub.example:1"),
        ((HOST, ("forwarded", "proto=https;host=a, proto=http;host=b")), "https://a"),
        (
            (
                HOST,
                ("forwarded", "proto=https;host=a"),
                ("x-forwarded-host", "b"),
                ("x-forwarded-port", "99"),
            ),
            "https://a",
        ),
        ((HOST, ("forwarded", "for=1.2.3.4"), ("x-forwarded-host", "b")), "http://b"),
        ((HOST, ("forwarded", "host=a"), ("x-forwarded-prefix", "/hub")), "http://a/hub"),
        ((HOST, ("x-forwarded-proto", "HTTPS")), "https://registry.example:5000"),
        ((HOST, ("x-forwarded-port", "0")), "http://registry.example:5000"),
        ((HOST, ("x-forwarded-port", "99999999")), "http://registry.example:5000"),
        ((HOST, ("forwarded", ' Host = "hub.example" ; for=x')), "http://hub.example"),
        ((HOST, ("forwarded", "by host=hub.example")), "http://registry.example:5000"),
        ((HOST, ("forwarded", "host=hub.example elsewhere")), "http://registry.example:5000"),
        ((HOST, ("forwarded", "host=[2001:db8::1]:5000")), "http://registry.example:5000"),
        ((HOST, ("forwarded", 'host="[2001:db8::1]:5000"')), "http://[2001:db8::1]:5000"),
        ((("host", "bad host"),), ""),
        ((), ""),
    ],
)
def test_a_trusted_proxy_tells_where_the_client_is(
    headers: tuple[tuple[str, str], ...], expected: str
) -> None:
    if headers == (HOST, ("forwarded", "host=[2001:db8::1]:5000")):
        expected = "http://[2001:db8::1]:5000"
    assert Locations(relative=False, trusted=EVERYBODY).of(scope(*headers), PATH) == expected + PATH


def test_nobody_else_is_believed() -> None:
    headers = (HOST, ("x-forwarded-proto", "https"), ("x-forwarded-host", "evil"), ("forwarded", "host=evil"))
    inside = Locations(relative=False, trusted=(ipaddress.ip_network("10.0.0.0/8"),))
    assert inside.of(scope(*headers), PATH) == "http://registry.example:5000" + PATH
    for peer in ("10.1.2.3", "::ffff:10.1.2.3"):
        assert inside.of(scope(*headers, client=(peer, 1)), PATH).startswith("http://evil")
    assert inside.of(scope(*headers, client=None), PATH).startswith("http://evil")


WORDS = st.sampled_from([
    "host", "proto", "=", ";", ",", '"', "evil.example", "http", "https", "javascript", ":", "//", "/", "..", "@",
    " ", "\t", "<", ">", "\r\n", "\n", "\0", "\u00e9", "%0d%0a", "[::1]", ":80", "?x", "#x", "\\", "_state",
])  # fmt: skip
HOSTILE = st.lists(WORDS, max_size=8).map("".join) | st.text(st.characters(max_codepoint=255), max_size=20)
NAMES = st.sampled_from(
    ["host", "forwarded", *(f"x-forwarded-{part}" for part in ("proto", "host", "port", "prefix"))]
)


@given(headers=st.lists(st.tuples(NAMES, HOSTILE), max_size=5), relative=st.sampled_from([None, True, False]))
def test_hostile_headers_make_no_other_header_and_no_other_path(
    headers: list[tuple[str, str]], relative: bool | None
) -> None:
    found = Locations(relative=relative, trusted=EVERYBODY).of(scope(*headers), PATH)
    assert found.isascii()
    assert found.isprintable()
    assert not set(found) & set(' <>"\\')
    parts = urlsplit(found)
    assert parts.path.endswith(PATH)
    assert ".." not in parts.path
    assert "//" not in parts.path
    assert parts.scheme in ("", "http", "https")
    assert re.fullmatch(r"[A-Za-z0-9._:\[\]-]*", parts.netloc)
    assert not parts.query
    assert not parts.fragment


@pytest.mark.parametrize("letter", ["a", " ", "=", '"', ";", "a="])
def test_a_long_header_is_no_long_work(letter: str) -> None:
    """Bounded by its length: quadratic matching of such a header took minutes."""
    header = letter * (60_000 // len(letter))
    found = Locations(relative=False, trusted=EVERYBODY).of(scope(HOST, ("forwarded", header)), PATH)
    assert found == "http://registry.example:5000" + PATH
