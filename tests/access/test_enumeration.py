"""What there is, nobody learns who may not see it; and lists are bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.access.cases import REPOSITORIES, Case, cases
from tests.access.registries import Registry, guarded, open_registry
from tests.access.table import NEEDS, SCOPES
from tests.api.client import Answer

A, B = REPOSITORIES["A"], REPOSITORIES["B"]
GONE: Final = "bota/app"
"""As long as B, and nothing is there."""
EDGES: Final = (
    "0", "1", "1000", "1001", "10000", "99999999", "2147483648", "4294967297", "9223372036854775808", "1" + "0" * 12, "9" * 399, "9" * 401,
    "-1", "-0", "+5", "1e9", "0x7fffffff", "1_000", "%201", "1%20", "1%00", "1%0a", "abc", "", "1.5", "NaN", "%D9%A1%D9%A0", "%F0%9D%9F%97", "1,2",
)  # fmt: skip


@pytest.fixture(params=["tokens", "rules"])
async def registry(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Registry]:
    async with open_registry(tmp_path) as (plain, _), guarded(request.param, tmp_path / "g", plain) as made:
        yield made


def without_names(answer: Answer) -> tuple[int, Any, bytes]:
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    text = repr(headers).replace(B, "NAME").replace(GONE, "NAME")
    return answer.status, text, answer.body.replace(B.encode(), b"NAME").replace(GONE.encode(), b"NAME")


@pytest.mark.parametrize("identity", ["anonymous", "pull A", "catalog", "bad password", "expired"])
async def test_who_may_not_see_a_repository_cannot_tell_whether_it_is_there(
    identity: str, registry: Registry, tmp_path: Path
) -> None:
    """CVE-2019-19030 and its kind: names could be found out by their answers."""
    async with open_registry(tmp_path / "again") as (_, uploads):
        asked = [case for route in NEEDS for case in cases(route, "B", uploads) if B in case.target]
    compared = 0
    for case in asked:
        if case.body not in ("none", "chunked") or case.state == "in A":
            continue
        there = await ask(registry, identity, case, B)
        gone = await ask(registry, identity, case, GONE)
        if case.route == "token" and there.status == 200:
            continue
        assert without_names(there) == without_names(gone), (identity, case)
        compared += 1
    assert compared > 100
    assert not registry.differences()


async def ask(registry: Registry, identity: str, case: Case, name: str) -> Answer:
    return await registry.ask(identity, case.method, case.target.replace(B, name), case.content, case.headers)


async def test_the_token_service_does_not_tell_either(tmp_path: Path) -> None:
    async with (
        open_registry(tmp_path) as (plain, _),
        guarded("rules, by password", tmp_path / "g", plain) as made,
    ):
        for identity in ("anonymous", "catalog", "pull A, push B"):
            for actions in SCOPES.values():
                lengths = set()
                for name in ("delta/app", "gamma/a", "aleph/app", GONE):
                    answer = await made.ask(identity, "GET", f"/auth/token?scope=repository:{name}:{actions}")
                    assert answer.status == 200
                    lengths.add(len(answer.json["token"]))
                assert len(lengths) == 1, "an empty list of access"


@pytest.mark.parametrize(
    "path", ["/v2/_catalog", f"/v2/{A}/tags/list", f"/v2/{A}/referrers/sha256:{'0' * 64}"]
)
async def test_no_number_makes_a_list_larger_than_a_page(path: str, registry: Registry) -> None:
    """CVE-2023-2253: the catalog made room for as many names as the client asked for."""
    for n in EDGES:
        answer = await registry.ask("admin", "GET", f"{path}?n={n}")
        assert answer.status in (200, 400), n
        assert len(answer.body) < 2000
        assert answer.status == 400 or n.isdigit() or not n, n
        assert (await registry.ask("anonymous", "GET", f"{path}?n={n}")).status == 401


async def test_a_page_has_a_thousand_entries_at_most(tmp_path: Path) -> None:
    async with open_registry(tmp_path) as (plain, _), guarded("rules", tmp_path / "g", plain) as registry:
        link = next(path for path in plain.kept if "/_manifests/tags/one/current/link" in path)
        for number in range(1_100):
            registry.plant(link.replace("/one/", f"/t{number:04}/"), plain.kept[link])
            registry.plant(link.replace("alpha/app", f"many/r{number:04}"), plain.kept[link])
        for n in ("1000", "1001", "9" * 399):
            tags = (await registry.ask("admin", "GET", f"/v2/{A}/tags/list?n={n}")).json["tags"]
            assert len(tags) == 1_000
        names = await registry.ask("admin", "GET", f"/v2/_catalog?n={10**9}")
        # Of 1,102 repositories these two are what its reader may pull.
        assert names.json == {"repositories": sorted(REPOSITORIES.values())}
