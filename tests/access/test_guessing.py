"""Hundreds of wrong passwords at once: few are checked, and nobody else notices."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from tests.access.cases import REPOSITORIES, TAGS
from tests.access.credentials import password_file
from tests.access.registries import Registry, guarded, open_registry, password_section
from tests.access.servers import ask, served
from tests.api.client import Answer, Client, application, serving
from tests.auth.hashing import header
from tests.support.server import Server

A: Final = REPOSITORIES["A"]
TAGGED: Final = f"/v2/{A}/manifests/{TAGS['in A']}"
GUESSES: Final = 300
CHECKED: Final = 10
"""Of one address in a minute, by each worker."""
WORKERS: Final = 2


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    async with open_registry(tmp_path) as (plain, _), guarded("rules", tmp_path / "g", plain) as made:
        yield made


def guess(number: int, user: str = "admin") -> tuple[str, str]:
    return "authorization", header(user, f"guess {number}")


def refused(answers: list[Answer]) -> Counter[int]:
    for answer in answers:
        if answer.status == 429:
            assert answer.codes == ["TOOMANYREQUESTS"]
            assert 1 <= int(answer.headers["retry-after"]) <= 60
    return Counter(answer.status for answer in answers)


@pytest.mark.parametrize("target", [TAGGED, "/v2/", "/auth/token"])
async def test_few_guesses_are_checked_and_who_has_a_token_pulls(target: str, registry: Registry) -> None:
    """CVE-2026-33419: passwords could be guessed as fast as a machine checks them."""
    pulls = [registry.ask("pull A", "GET", TAGGED) for _ in range(GUESSES)]
    guesses = [registry.client("GET", target, headers=(guess(number),)) for number in range(GUESSES)]
    mixed = [one for pair in zip(guesses, pulls, strict=True) for one in pair]
    answers = await asyncio.gather(*mixed)
    assert Counter(answer.status for answer in answers[1::2]) == {200: GUESSES}
    assert refused(answers[::2]) == {401: CHECKED, 429: GUESSES - CHECKED}


async def test_who_is_known_to_be_right_goes_on_from_the_same_address(registry: Registry) -> None:
    known = (("authorization", header("admin", "the password of admin")),)
    assert (await registry.client("GET", TAGGED, headers=known)).status == 200
    for number in range(2 * CHECKED):
        await registry.client("GET", TAGGED, headers=(guess(number),))
    assert (await registry.client("GET", TAGGED, headers=(guess(0),))).status == 429
    assert (await registry.client("GET", TAGGED, headers=known)).status == 200
    assert (await registry.client("GET", TAGGED, headers=registry.identities["admin"])).status == 200


@pytest.mark.parametrize(
    "name", ["x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip", "cf-connecting-ip"]
)
async def test_a_forged_address_does_not_help_a_guesser(name: str, registry: Registry) -> None:
    start = "for=" if name == "forwarded" else ""
    told = [
        await registry.client("GET", TAGGED, headers=(guess(number), (name, f"{start}10.0.0.{number}")))
        for number in range(2 * CHECKED)
    ]
    assert refused(told) == {401: CHECKED, 429: CHECKED}


async def test_behind_a_proxy_each_client_is_an_address_of_its_own(registry: Registry) -> None:
    proxy = Client(registry.client.app, ("127.0.0.1", 1))
    for client in ("198.51.100.1", "198.51.100.2"):
        told = [
            await proxy("GET", TAGGED, headers=(guess(number), ("x-forwarded-for", client)))
            for number in range(2 * CHECKED)
        ]
        assert refused(told) == {401: CHECKED, 429: CHECKED}


PRIVATE: Final = ("10.1.2.3", "172.16.0.9", "192.168.7.7", "fd00::7")


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip"])
async def test_a_private_address_does_not_help_to_forge_another(name: str, registry: Registry) -> None:
    """Clients of an intranet have such addresses, as proxies do."""
    start = "for=" if name == "forwarded" else ""
    for address in PRIVATE:
        client = Client(registry.client.app, (address, 1))
        told = [
            await client("GET", TAGGED, headers=(guess(number), (name, f"{start}198.51.100.{number}")))
            for number in range(2 * CHECKED)
        ]
        assert refused(told) == {401: CHECKED, 429: CHECKED}


async def test_a_forged_address_does_not_lock_out_whose_it_is(registry: Registry) -> None:
    guesser, victim = (Client(registry.client.app, (address, 1)) for address in PRIVATE[:2])
    for number in range(2 * CHECKED):
        await guesser("GET", TAGGED, headers=(guess(number), ("x-forwarded-for", PRIVATE[1])))
    assert (await guesser("GET", TAGGED, headers=(guess(-1),))).status == 429
    assert (await victim("GET", TAGGED, headers=(guess(-1),))).status == 401


async def test_behind_a_proxy_that_is_named_each_client_is_an_address_of_its_own(tmp_path: Path) -> None:
    sections = f"http: {{trustedproxies: [10.1.2.3]}}\n{password_section(tmp_path)}"
    async with serving(application(tmp_path / "named", "", sections)) as client:
        proxy, other, here = (
            Client(client.app, (address, 1)) for address in ("10.1.2.3", "10.1.2.4", "127.0.0.1")
        )
        for address in ("198.51.100.1", "198.51.100.2"):
            told = [
                await proxy("GET", "/v2/", headers=(guess(number), ("x-forwarded-for", address)))
                for number in range(CHECKED + 1)
            ]
            assert refused(told) == {401: CHECKED, 429: 1}
        for peer in (other, here):
            told = [
                await peer("GET", "/v2/", headers=(guess(number), ("x-forwarded-for", f"203.0.113.{number}")))
                for number in range(CHECKED + 1)
            ]
            assert refused(told) == {401: CHECKED, 429: 1}


async def test_unknown_names_and_known_ones_are_answered_alike(registry: Registry) -> None:
    """By whatever a client can see; how long it takes is tested where it is counted."""
    told = []
    for number, user in enumerate(("admin", "nobody", "admin ", "ADMIN", "admin\u0000x")):
        peer = Client(registry.client.app, (f"203.0.113.{number}", 1))
        answers = [await peer("GET", "/v2/", headers=(guess(one, user),)) for one in range(CHECKED + 2)]
        if "\0" not in user:
            told.append([(one.status, one.body, one.headers.get("www-authenticate")) for one in answers])
    assert all(one == told[0] for one in told)


def test_a_server_checks_few_guesses_and_serves_all_pulls(tmp_path: Path) -> None:
    """Workers count for themselves, so an address has ten guesses with each of them."""
    path = tmp_path / "htpasswd"
    path.write_text(password_file())
    sections = {
        "auth": {"htpasswd": {"realm": "Registry", "path": str(path)}},
        "access": [{"repositories": ["**"], "users": ["*"], "allow": ["push", "catalog"]}],
    }
    with (
        served(tmp_path / "server", sections, {"workers": WORKERS}) as server,
        ThreadPoolExecutor(32) as clients,
    ):
        token = token_of(server)
        guesses = clients.map(
            lambda number: ask(server, "GET", "/v2/", headers=dict([guess(number)])), range(GUESSES)
        )
        pulls = clients.map(
            lambda _: ask(server, "GET", "/v2/_catalog", headers={"Authorization": f"Bearer {token}"}),
            range(GUESSES),
        )
        told = refused(list(guesses))
        assert {answer.status for answer in pulls} == {200}
        assert told[429] + told[401] == GUESSES
        assert 1 <= told[401] <= CHECKED * WORKERS


def token_of(server: Server) -> str:
    basic = {"Authorization": header("admin", "the password of admin")}
    answer = ask(server, "GET", "/auth/token?scope=registry:catalog:*", headers=basic)
    assert answer.status == 200, answer.body
    return str(answer.json["token"])
