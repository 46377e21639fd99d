"""The client's address: what trusted proxies tell, and nothing that a client could have told itself."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.api.proxies import client_address

PROXY, INNER, SIX = "10.0.0.1", "10.0.0.2", "fc00::1"
CLIENT, FAKE = "203.0.113.9", "198.51.100.66"
TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fc00::/7"))

Headers = tuple[tuple[str, str], ...]


def seen(headers: Headers, peer: str | None = PROXY) -> str:
    scope: Any = {
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": None if peer is None else (peer, 40_000),
    }
    return client_address(scope, TRUSTED)


def listed(*values: str) -> Headers:
    return tuple(("x-forwarded-for", value) for value in values)


def forwarded(*values: str) -> Headers:
    return tuple(("forwarded", value) for value in values)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), PROXY),
        (listed(CLIENT), CLIENT),
        (listed(f"  {CLIENT}\t"), CLIENT),
        (listed(f"{CLIENT}:51234"), CLIENT),
        (listed(f"{CLIENT}, {INNER}"), CLIENT),
        (listed(CLIENT, INNER), CLIENT),
        (listed(f"{FAKE}, {CLIENT}"), CLIENT),
        (listed(FAKE, f"{CLIENT},{INNER},{SIX}"), CLIENT),
        (listed(f"10.9.9.9, {INNER}"), "10.9.9.9"),
        (listed("2001:DB8::7"), "2001:db8::7"),
        (listed("[2001:db8::7]"), "2001:db8::7"),
        (listed("[2001:db8::7]:443"), "2001:db8::7"),
        (listed("fe80::7%eth0"), "fe80::7"),
        (listed(f"::ffff:{CLIENT}"), CLIENT),
        (listed(f"{FAKE}, unknown"), PROXY),
        (listed(f"{FAKE}, unknown, {INNER}"), INNER),
        (listed(f"{FAKE}, nonsense:80:x"), PROXY),
        (listed(f"{FAKE},"), PROXY),
        (listed(""), PROXY),
        ((("x-real-ip", CLIENT),), CLIENT),
        ((("x-real-ip", "nonsense"),), PROXY),
        ((("x-real-ip", FAKE), *listed(CLIENT)), CLIENT),
        ((("x-real-ip", FAKE), *forwarded(f"for={CLIENT}")), CLIENT),
        (forwarded(f"for={CLIENT}"), CLIENT),
        (forwarded(f"by={INNER} ; FOR = {CLIENT};proto=https;host=hub.example"), CLIENT),
        (forwarded(f'for="{CLIENT}:51234"'), CLIENT),
        (forwarded('for="[2001:db8::7]:443"'), "2001:db8::7"),
        (forwarded('for="[2001:db8::7]"'), "2001:db8::7"),
        (forwarded(f"for={FAKE}, for={CLIENT};proto=http, for={INNER}"), CLIENT),
        (forwarded(f"for={FAKE}", f"for={CLIENT}"), CLIENT),
        (forwarded(f'for="{FAKE}, for={CLIENT}'), CLIENT),
        (forwarded(f"for={FAKE}, for=unknown"), PROXY),
        (forwarded(f"for={FAKE}, for=_hidden"), PROXY),
        (forwarded(f"for={FAKE}, proto=https"), PROXY),
        (listed(CLIENT) + forwarded("proto=https;host=hub.example"), CLIENT),
        (listed(f"{CLIENT}, {INNER}") + forwarded(f"for={CLIENT}"), CLIENT),
        (listed(CLIENT) + forwarded(f"for={FAKE}"), PROXY),
        (listed(FAKE) + forwarded(f"for={CLIENT}"), PROXY),
    ],
)
def test_the_nearest_address_that_is_no_trusted_proxy(headers: Headers, expected: str) -> None:
    assert seen(headers) == expected
    assert seen(headers, f"::ffff:{PROXY}") == expected


@pytest.mark.parametrize("headers", [listed(FAKE), forwarded(f"for={FAKE}"), listed(FAKE, INNER)])
def test_other_peers_are_not_believed(headers: Headers) -> None:
    assert seen(headers, CLIENT) == CLIENT
    assert seen(headers, "2001:db8::7") == "2001:db8::7"
    assert seen(headers, "no address") == ""


@pytest.mark.parametrize("peer", [None, "", "unix"])
def test_whoever_may_open_a_unix_socket_is_believed(peer: str | None) -> None:
    assert seen(listed(CLIENT), peer) == CLIENT
    assert seen((), peer) == ""


WORDS = st.lists(
    st.sampled_from([FAKE, INNER, "for=", "For=", "by=", ",", ";", '"', "\\", "[", "]", "::1", " ", "=", ":80", "x"]),
    max_size=10,
).map("".join)  # fmt: skip
SENT = st.lists(st.tuples(st.sampled_from(["x-forwarded-for", "forwarded"]), WORDS), max_size=4)


@given(sent=SENT, name=st.sampled_from(["x-forwarded-for", "forwarded"]), one_line=st.booleans())
def test_no_client_chooses_its_address(sent: list[tuple[str, str]], name: str, one_line: bool) -> None:
    """Whatever it sends, the proxy adds what it sees, to the last header or as another one."""
    added = f"for={CLIENT}" if name == "forwarded" else CLIENT
    own = [value for key, value in sent if key == name]
    rest = tuple((key, value) for key, value in sent if key != name)
    if one_line and own:
        headers = (*rest, *((name, value) for value in own[:-1]), (name, f"{own[-1]}, {added}"))
    else:
        headers = (*rest, *((name, value) for value in own), (name, added))
    assert seen(headers) in (CLIENT, PROXY)
    if not rest:
        assert seen(headers) == CLIENT


@given(st.lists(st.tuples(st.sampled_from(["x-forwarded-for", "forwarded"]), st.text(st.characters(max_codepoint=255))), max_size=4))  # fmt: skip
def test_what_comes_out_is_an_address(sent: list[tuple[str, str]]) -> None:
    assert ipaddress.ip_address(seen(tuple(sent)))
