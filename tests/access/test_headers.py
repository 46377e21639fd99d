"""Headers that clients and proxies make up: none of them decides, and none of them gets into an answer as it likes."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from moorage.drivers.inmemory import InMemoryDriver
from tests.access.cases import REPOSITORIES, TAGS, cases
from tests.access.credentials import HOST, Headers, by_password, password, user
from tests.access.registries import Registry, guarded, open_registry, password_section, started
from tests.access.table import HAS, METHODS, NEEDS
from tests.api.client import Client, application, serving
from tests.auth.hashing import header

A: Final = REPOSITORIES["A"]
TAGGED: Final = f"/v2/{A}/manifests/{TAGS['in A']}"
REALM: Final = re.compile(
    r'Bearer realm="(?:/auth/token|https?://[A-Za-z0-9.\[\]:-]+(?:/[a-z~-]+)*/auth/token)"(?:,[a-z]+="[^"\\]*")+'
)
ODD: Final = (
    "evil\r\nX-Evil: 1", "evil\nx", "evil\rx", "evil\0", "evil\t", "evil\x1b[31m", "evil\x7f", "evil\x85", 'evil"', "evil\\", "evil,evil", "evil;x=y", "evil x", "\u00e9vil",
    "//evil", "evil/..", "javascript:evil", "ann:secret@evil", "[evil", "%0d%0aX-Evil:1", "", " ", ",", ";", "=", '"', "x" * 2_000,
)  # fmt: skip
FORWARDED: Final = (
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-for",
    "x-real-ip",
)


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    async with open_registry(tmp_path) as (plain, _), guarded("rules", tmp_path / "g", plain) as made:
        yield made


def behind_a_proxy(registry: Registry) -> Client:
    """One on this machine, which the configuration trusts."""
    return Client(registry.client.app, ("127.0.0.1", 40_000))


@pytest.mark.parametrize("odd", ODD)
async def test_nothing_of_a_proxys_headers_breaks_out_of_ours(odd: str, registry: Registry) -> None:
    """CVE-2018-1000164 and its kind. The client of these tests fails at a control character in any header."""
    sent = [((name, odd),) for name in FORWARDED]
    sent += [(("forwarded", f"{key}={odd}"),) for key in ("host", "proto", "for", "by")]
    sent += [(("forwarded", f'{key}="{odd}"'),) for key in ("host", "proto", "for", "by")]
    for headers in sent:
        for client in (registry.client, behind_a_proxy(registry)):
            answer = await client("GET", TAGGED, headers=(("host", HOST), *headers))
            assert answer.status == 401
            assert REALM.fullmatch(answer.headers["www-authenticate"]), answer.headers["www-authenticate"]


async def test_a_proxys_headers_are_believed_of_a_trusted_proxy_only(registry: Registry) -> None:
    """CVE-2026-20896, CVE-2026-25119: who set such a header was somebody else."""
    headers = (("host", HOST), ("x-forwarded-host", "hub.example"), ("x-forwarded-proto", "https"))
    told = [
        (await client("GET", TAGGED, headers=headers)).headers["www-authenticate"].split('"')[1]
        for client in (registry.client, behind_a_proxy(registry))
    ]
    assert told == [f"http://{HOST}/auth/token", "https://hub.example/auth/token"]


@pytest.mark.parametrize("address", ["10.0.0.1", "172.31.255.255", "192.168.0.1", "fd00::1", "::1"])
async def test_clients_behind_an_ingress_find_the_token_service_without_any_setting(
    address: str, registry: Registry
) -> None:
    headers = (("host", HOST), ("x-forwarded-host", "hub.example"), ("x-forwarded-proto", "https"))
    ingress = Client(registry.client.app, (address, 40_000))
    answer = await ingress("GET", TAGGED, headers=headers)
    assert answer.headers["www-authenticate"].split('"')[1] == "https://hub.example/auth/token"


@pytest.mark.parametrize(
    "name",
    [
        *FORWARDED,
        "forwarded",
        "x-forwarded-user",
        "x-remote-user",
        "remote-user",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "cookie",
        "proxy-authorization",
        "x-amz-security-token",
    ],
)
async def test_no_other_header_signs_anybody_in(name: str, registry: Registry) -> None:
    basic = header(user("admin"), password(user("admin")))
    for value in ("admin", "127.0.0.1", "/v2/", "GET", basic, f"authorization={basic}", "::1"):
        for client in (registry.client, behind_a_proxy(registry)):
            assert (await client("GET", TAGGED, headers=((name, value),))).status == 401
            assert (await client("DELETE", TAGGED, headers=((name, value),))).status == 401
    assert not registry.differences()


@pytest.mark.parametrize(
    "odd",
    [
        *ODD,
        "a\u2028b",
        "$(id)",
        "{{7*7}}",
        "<script>",
        "alpha/app\n",
        "ALPHA/APP",
        'alpha/app:pull",error="x',
    ],
)
async def test_no_name_breaks_out_of_a_challenge(odd: str, registry: Registry) -> None:
    """Also as a reference, a digest, an id, a scope, a service."""
    text = quote(odd, safe="")
    sent = odd.encode("latin-1", "replace").decode("latin-1")
    for path in (
        f"/v2/{text}/manifests/one", f"/v2/alpha/{text}/tags/list", f"/v2/{A}/manifests/{text}", f"/v2/{A}/blobs/{text}", f"/v2/{A}/blobs/uploads/{text}",
        f"/v2/{A}/referrers/{text}?artifactType={text}", f"/v2/{A}/tags/list?last={text}&n=1", f"/v2/_catalog?last={text}&n=1", f"/auth/token?service={text}",
        f"/auth/token?scope={text}&account={text}", f"/v2/{A}/manifests/one?tag={text}",
    ):  # fmt: skip
        for identity in ("anonymous", "admin"):
            for method in ("GET", "PUT", "DELETE"):
                answer = await registry.ask(
                    identity, method, path, headers=(("x-request-id", sent), ("accept", sent))
                )
                assert answer.status < 500, (method, path)
                challenge = answer.headers.get("www-authenticate", "")
                assert not challenge or challenge.startswith("Basic") or REALM.fullmatch(challenge), challenge


@pytest.mark.parametrize(
    ("realm", "shown"),
    [
        ("Registry", "Registry"), ('The "best" one', 'The \\"best\\" one'), ("back\\slash", "back\\\\slash"), ("Zürich", "Zürich"), ("レジストリ", "?????"),
        ("10 € a month", "10 ? a month"), ("two\nlines", "two lines"), ("tab\tand \x7f", "tab and  "), ("X\r\nX-Evil: 1", "X  X-Evil: 1"),
    ],
)  # fmt: skip
async def test_a_realm_is_shown_as_far_as_a_header_can(realm: str, shown: str, tmp_path: Path) -> None:
    password_section(tmp_path)
    section = json.dumps({"htpasswd": {"realm": realm, "path": f"{tmp_path}/htpasswd"}})
    async with started("realm", tmp_path, f"auth: {section}\n") as registry:
        for target in ("/v2/", TAGGED):
            answer = await registry.client.get(target)
            assert answer.status == 401
            assert answer.headers["www-authenticate"] == f'Basic realm="{shown}"'


async def test_of_several_authorizations_the_first_counts_everywhere(tmp_path: Path) -> None:
    good, bad = by_password("admin"), by_password("bad password")
    async with (
        open_registry(tmp_path) as (plain, _),
        guarded("rules, by password", tmp_path / "g", plain) as made,
    ):
        token = made.identities["admin"]
        for target in ("/v2/", "/v2/_catalog", TAGGED, f"/auth/token?scope=repository:{A}:pull"):
            for number, (first, second, status) in enumerate(
                ((good, bad, 200), (bad, good, 401), ((), good, 200), (token, bad, 200))
            ):
                client = Client(made.client.app, (f"198.51.100.{number}", 1))
                answer = await client("GET", target, headers=(*first, *second))
                assert answer.status == status, (target, number)
            both = (("authorization", f"{good[0][1]}, {bad[0][1]}"),)
            assert (await made.client("GET", target, headers=both)).status == 401


@pytest.mark.parametrize("kind", ["passwords", "tokens", "rules"])
async def test_an_authorization_that_is_no_authorization_is_refused(kind: str, tmp_path: Path) -> None:
    right = header(user("admin"), password(user("admin")))
    values = [
        "", " ", "Basic", "Basic ", "Bearer", "Bearer ", "Basic =", "Basic ====", "Basic !!!!", "Basic Og==", "Basic YQ==", "Basic \u00e9\u00e9\u00e9\u00e9", "Bearer \u00e9",
        "Digest username=admin", "Negotiate x", "Token x", "AWS4-HMAC-SHA256 x", right.replace("Basic", "Bearer"), right.replace("Basic ", "Basic"), right[:-2], f"{right}=",
        f"Basic {right}", f"{right} {right}", "Bearer null", "Bearer ..", "Bearer a.b.c", "Basic " + "A" * 15_000, "Bearer " + "A" * 16_000, f"x{right}", f"{right}\0", "\0",
        f"{right},", f"Basic  {right[6:-4]}",
    ]  # fmt: skip
    async with open_registry(tmp_path) as (plain, _), guarded(kind, tmp_path / "g", plain) as registry:
        for number, value in enumerate(values):
            client = Client(registry.client.app, (f"203.0.113.{number}", 1))
            for method in ("GET", "DELETE"):
                answer = await client(method, TAGGED, headers=(("authorization", value),))
                assert answer.status == 401, (method, value[:100])
        for size in (20_481, 30_000, 40_000, 1_000_000):
            for scheme in ("Basic", "Bearer"):
                answer = await registry.client(
                    "GET", TAGGED, headers=(("authorization", f"{scheme} {'A' * size}"),)
                )
                assert answer.status == 431
        assert not registry.differences()


UI: Final = "https://ui.example.org"


@asynccontextmanager
async def for_a_page(folder: Path, origin: str = UI) -> AsyncIterator[Registry]:
    more = f"{password_section(folder)}http: {{secret: x, headers: {{Access-Control-Allow-Origin: ['{origin}']}}}}\n"
    made = application(folder / "page", "", more)
    async with serving(made) as client:
        driver = made._driver
        assert isinstance(driver, InMemoryDriver)
        yield Registry("page", client, driver, folder)


async def test_a_browser_may_ask_before_it_signs_in_and_learns_nothing(tmp_path: Path) -> None:
    """The question has no credentials, and its answer is the same for what is there and what is not."""
    async with open_registry(tmp_path / "open") as (plain, uploads), for_a_page(tmp_path) as registry:
        for path, data in plain.kept.items():
            registry.plant(path, data)
        registry.keep()
        answers: dict[str, set[str]] = {}
        for route in NEEDS:
            for case in cases(route, "A", uploads):
                if case.method == "OPTIONS" and case.body == "none":
                    asking: Headers = (
                        ("origin", "https://evil.example"),
                        ("access-control-request-method", "DELETE"),
                    )
                    answer = await registry.client("OPTIONS", case.target, headers=asking)
                    assert answer.status == (404 if route == "unknown" else 204), route
                    assert answer.headers["access-control-allow-origin"] == UI
                    assert "access-control-allow-credentials" not in answer.headers
                    told = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
                    answers.setdefault(route, set()).add(repr((told, answer.body)))
        assert all(len(told) == 1 for told in answers.values())
        assert not registry.differences()


async def test_only_the_question_is_free(tmp_path: Path) -> None:
    async with for_a_page(tmp_path) as registry:
        for method in METHODS:
            if method == "OPTIONS":
                continue
            answer = await registry.client(
                method, TAGGED, headers=(("origin", UI), ("access-control-request-method", method))
            )
            assert answer.status in (401, 405), method
            # So that the page may read what it has to do.
            assert answer.headers["access-control-allow-origin"] == UI


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "*", UI, "https://ui.example.org.evil.example", "http://localhost"],
)
async def test_an_origin_is_told_nowhere(origin: str, tmp_path: Path, registry: Registry) -> None:
    """Reflected, it would let any page act for whoever is signed in."""
    asking: Headers = (("origin", origin), ("access-control-request-method", "GET"))
    for identity in HAS:
        for method in METHODS:
            answer = await registry.ask(identity, method, TAGGED, headers=asking)
            assert "access-control-allow-origin" not in answer.headers, "not configured, not sent"
            if method == "OPTIONS":
                assert answer.status == 405
        registry.restore()
    async with for_a_page(tmp_path) as page:
        for method in METHODS:
            answer = await page.client(method, TAGGED, headers=asking)
            assert answer.headers["access-control-allow-origin"] == UI
