"""The catalog shows each caller exactly what he may pull, over all its pages; and what he may pull is what he is given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from tests.access.credentials import bearer
from tests.access.registries import HTTP, Registry, started
from tests.api.client import Client, application, serving
from tests.api.pushing import push
from tests.auth.hashing import header, line
from tests.store.images import image

USERS: Final = ("ann", "bob", "cleo")
GROUPS: Final = {"red": {"ann", "bob"}, "blue": {"cleo"}}
NAMES: Final = (
    "a", "a/b", "a/b/c", "a-b", "a-b/c", "a.b", "a.b/c", "a_b", "ab", "ab/c", "abc", "b", "b/a", "b/a/b", "b/b", "b/c/d/e", "ba/b", "c", "c/a", "c/b/a",
    "team", "team/a", "team/a/b", "team/ab", "teams", "teams/a",
)  # fmt: skip
PATTERNS: Final = (
    "**", "*", "a", "a/**", "a/*", "a*", "a**", "*/b", "**/b", "?", "?/?", "team/**", "team/*", "team", "a/b/c", "b/*/d/*", "*a*/**", "a?b", "**c", "c/**/a",
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A rule, and what it says to a reader who takes his time."""

    repositories: list[str]
    users: list[str]
    groups: list[str]
    anonymous: bool
    allow: list[str]

    def is_for(self, user: str) -> bool:
        groups = {name for name, members in GROUPS.items() if user in members}
        signed_in = user and (user in self.users or "*" in self.users or groups & {*self.groups})
        return bool(self.anonymous or signed_in)

    def lets(self, user: str, action: str, name: str) -> bool:
        enough = {"pull": {"pull", "push"}, "catalog": {"catalog"}}[action]
        about = action == "catalog" or any(matches(one, name) for one in self.repositories)
        return self.is_for(user) and bool(enough & {*self.allow}) and about


def matches(pattern: str, name: str) -> bool:
    """Letter by letter."""
    if not pattern or not name:
        return not name and not pattern.strip("*")
    if pattern[0] == "*":
        further = pattern.startswith("**") or name[0] != "/"
        rest = pattern[2:] if pattern.startswith("**") else pattern[1:]
        return matches(rest, name) or (further and matches(pattern, name[1:]))
    same = pattern[0] == name[0] or (pattern[0] == "?" and name[0] != "/")
    return same and matches(pattern[1:], name[1:])


def some_rules(random: Random) -> list[Told]:
    rules = []
    for _ in range(random.randrange(1, 7)):
        users = random.sample([*USERS, "*"], random.randrange(3))
        groups = random.sample([*GROUPS], random.randrange(2))
        anonymous = random.random() < 0.2 or not (users or groups)
        allow = random.sample(["pull", "push", "delete", "catalog"], random.randrange(1, 4))
        rules.append(Told(random.sample(PATTERNS, random.randrange(1, 4)), users, groups, anonymous, allow))
    return rules


async def filled(folder: Path) -> dict[str, bytes]:
    """The files of a registry that has all of `NAMES`."""
    async with started("filled", folder) as registry:
        await push(registry.client, "a", image("catalog"), "latest")
        registry.keep()
        mine = {path: data for path, data in registry.kept.items() if "/repositories/a/" in path}
        copies = {path.replace("/a/", f"/{name}/", 1): data for name in NAMES for path, data in mine.items()}
        return {path: data for path, data in (registry.kept | copies).items() if path.startswith("/docker/")}


def configured(rules: Sequence[Told], folder: Path) -> str:
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "htpasswd").write_text("".join(line(one, one) for one in USERS))
    (folder / "groups").write_text(
        "".join(f"{name}: {' '.join(sorted(of))}\n" for name, of in GROUPS.items())
    )
    access = json.dumps([vars(rule) for rule in rules])
    htpasswd = f"{{realm: Registry, path: {folder}/htpasswd}}"
    return f"auth: {{htpasswd: {htpasswd}, groupfile: {folder}/groups}}\naccess: {access}\n"


async def pages(client: Client, n: int, headers: Any) -> tuple[int, list[str]]:
    """The status, and all names from the first page to the last."""
    target, found = f"/v2/_catalog?n={n}", []
    for _ in range(len(NAMES) + 1):
        answer = await client("GET", target, headers=headers)
        if answer.status != 200:
            return answer.status, []
        page = answer.json["repositories"]
        assert len(page) <= n
        found += page
        if "link" not in answer.headers:
            return 200, found
        assert len(page) == n, "a page that is not the last is full"
        target = answer.headers["link"].removeprefix("<").partition(">")[0]
    raise AssertionError("the pages have no end")


async def credentials(client: Client, user: str) -> list[Any]:
    """Each way to come: without anything, by password, with a token."""
    password = (("authorization", header(user, user)),) if user else ()
    answer = await client("GET", "/auth/token?scope=registry:catalog:*", headers=password)
    return [password, bearer(answer.json["token"])]


@pytest.mark.parametrize("seed", range(20))
async def test_it_is_what_the_caller_may_pull(seed: int, tmp_path: Path) -> None:
    await compare(Random(seed), tmp_path)


@pytest.mark.soak
async def test_it_is_so_for_many_rules(tmp_path: Path) -> None:
    for seed in range(100, 1_000):
        await compare(Random(seed), tmp_path / str(seed))


async def compare(random: Random, folder: Path) -> None:
    rules = some_rules(random)
    files = await filled(folder)
    made = application(folder / "guarded", "", HTTP + configured(rules, folder))
    async with serving(made) as client:
        registry = Registry("guarded", client, made._driver, folder)  # type: ignore[arg-type]
        for path, data in files.items():
            registry.plant(path, data)
        for user in ("", *USERS):
            lists = any(rule.lets(user, "catalog", "") for rule in rules)
            may = [name for name in sorted(NAMES) if any(rule.lets(user, "pull", name) for rule in rules)]
            for headers in await credentials(client, user):
                for n in (random.randrange(1, 5), 1000):
                    status, found = await pages(client, n, headers)
                    expected = (200, may) if lists else (401 if not user else 403, [])
                    assert (status, found) == expected, (user, headers, n, rules)
            await given(client, user, may)


async def given(client: Client, user: str, may: list[str]) -> None:
    """What is listed is what is served."""
    headers = (("authorization", header(user, user)),) if user else ()
    for name in NAMES:
        answer = await client("GET", f"/v2/{name}/manifests/latest", headers=headers)
        assert (answer.status == 200) == (name in may), (user, name, answer.status)
