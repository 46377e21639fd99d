"""The access log: one line per request in the Combined Log Format, with nothing in it that authorises."""

from __future__ import annotations

import re
from typing import Any

import pytest

from moorage.observe import access
from moorage.observe.shown import LONGEST

LINE = re.compile(
    r'(\S+) - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "([A-Z]+) (\S+) HTTP/1\.1" (\d{3}) (\d+) '
    r'"([^"]*)" "([^"]*)" (\d+\.\d)ms (\S+)\n'
)


def line(*arguments: Any, **named: Any) -> str:
    return access.line(*arguments, **named).decode()


def scope(
    path: bytes = b"/v2/", query: bytes = b"", *headers: tuple[bytes, bytes], client: Any = ("192.0.2.1", 9)
) -> Any:
    return {
        "method": "GET",
        "http_version": "1.1",
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": list(headers),
        "client": client,
    }


def test_a_request_is_a_line() -> None:
    written = line(
        scope(b"/v2/a/tags/list", b"n=5", (b"user-agent", b"docker/27"), (b"referer", b"x")),
        200,
        17,
        0.0125,
        "id1",
    )
    found = LINE.fullmatch(written)
    assert found is not None, written
    assert found.groups() == (
        "192.0.2.1",
        "GET",
        "/v2/a/tags/list?n=5",
        "200",
        "17",
        "x",
        "docker/27",
        "12.5",
        "id1",
    )


@pytest.mark.parametrize(("given", "written"), [("1", "1.0"), ("1.0", "1.0"), ("1.1", "1.1"), ("2", "2.0")])
def test_the_version_of_http_has_two_numbers_as_in_other_servers(given: str, written: str) -> None:
    """Granian leaves out the second one where it is 0."""
    assert f'"GET /v2/ HTTP/{written}" 200' in line({**scope(), "http_version": given}, 200, 0, 0.0, "id")


@pytest.mark.parametrize("evil", [b'" 200 0 "', b"a\r\nb", b"\x1b[31m", b"\xff\xfe", b"\\", b"\x00", b"\x85"])
def test_nobody_can_forge_a_line(evil: bytes) -> None:
    written = line(
        scope(b"/v2/" + evil.replace(b" ", b""), evil.replace(b" ", b""), (b"user-agent", evil)),
        200,
        0,
        0.0,
        "id",
    )
    assert written.count("\n") == 1
    assert LINE.fullmatch(written), written


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("Käse/山田 🦀".encode(), "Käse/山田 🦀"),
        (b"K\xe4se", "Käse"),
        ("a\x85b\u2028\u202e".encode(), "a\\x85b\\u2028\\u202e"),
        # The last character is cut in two.
        (b"x" + "é".encode() * LONGEST, "x" + "é" * (LONGEST // 2 - 1)),
    ],
)
def test_an_agent_and_a_referer_outside_ascii_are_readable(sent: bytes, written: str) -> None:
    found = LINE.fullmatch(
        line(scope(b"/", b"", (b"user-agent", sent), (b"referer", sent)), 200, 0, 0.0, "id")
    )
    assert found is not None
    assert found.groups()[5:7] == (written, written)


@pytest.mark.parametrize("query", [b"_state=SECRET", b"digest=x&_state=SECRET&a=b"])
def test_the_state_of_an_upload_is_not_logged(query: bytes) -> None:
    written = line(scope(b"/v2/a/blobs/uploads/1", query), 202, 0, 0.0, "id")
    assert "SECRET" not in written
    assert "_state=***" in written


def test_a_peer_without_an_address_is_a_dash() -> None:
    for client in (None, ("", 0)):
        assert line(scope(client=client), 200, 0, 0.0, "id").startswith("- - - [")


def test_an_ipv4_address_is_shown_as_one_also_by_a_socket_for_both() -> None:
    assert line(scope(client=("::ffff:192.0.2.1", 9)), 200, 0, 0.0, "id").startswith("192.0.2.1 - - [")
    assert line(scope(client=("2001:db8::ffff:1", 9)), 200, 0, 0.0, "id").startswith("2001:db8::ffff:1 - - [")


def test_the_client_is_named_if_a_trusted_proxy_told_of_it() -> None:
    written = line(scope(), 200, 0, 0.0, "id", client="203.0.113.9")
    assert written.startswith("203.0.113.9 - - [")


@pytest.mark.parametrize("user", ["ann\n", "\ud800", '" 200', "ann bob"])
def test_a_user_is_one_word(user: str) -> None:
    written = line(scope(), 200, 0, 0.0, "id", user)
    assert LINE.fullmatch(re.sub(r"- \S+ \[", "- - [", written)), written


@pytest.mark.parametrize("user", ["jörg", "Ωμέγα", "山田", "🦀"])
def test_a_user_outside_ascii_is_readable(user: str) -> None:
    assert f" - {user} [" in line(scope(), 200, 0, 0.0, "id", user)


@pytest.mark.parametrize(
    ("user", "written"),
    [
        ('a"\\\n\x85', "a\\x22\\x5c\\x0a\\x85"),
        ("ann\u00a0\u2028\u3000bob", "ann\\xa0\\u2028\\u3000bob"),
        ("\u202egpj\ud800", "\\u202egpj\\ud800"),
        ("ö" * 100_000, "ö" * LONGEST),
        ("", "-"),
    ],
)
def test_what_cannot_be_seen_of_a_user_is_escaped(user: str, written: str) -> None:
    assert f" - {written} [" in line(scope(), 200, 0, 0.0, "id", user)
