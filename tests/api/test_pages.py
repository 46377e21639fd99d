"""Lists in pages: the catalog and the tags, on both drivers, with the names that sort badly."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.drivers.base import Driver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from tests.api.client import Client, application, serving
from tests.api.conftest import FILESYSTEM
from tests.api.pushing import push
from tests.contracts.disk import Inline, fast_folder
from tests.store.images import image

IMAGE = image("pages")
ODD_NAMES = (
    "a",
    "a-b",
    "a.b",
    "a/b",
    "a/b-c",
    "a/b/c",
    "a0",
    "a_b",
    "aa",
    "b",
    "math",
    "math-voila",
    "math/x",
    "0",
)
ODD_TAGS = (
    "0.1.10",
    "0.1.2",
    "0.1.20",
    "A",
    "_",
    "a",
    "a-b",
    "a.b",
    "a_b",
    "latest",
    "v1",
    "v1.0",
    "v10",
    "v2",
)


async def walk(client: Client, target: str, member: str) -> list[list[Any]]:
    """All pages, following the Links."""
    pages = []
    while target:
        answer = await client.get(target)
        assert answer.status == 200, answer.body
        pages.append(answer.json[member])
        link = answer.headers.get("link", "")
        found = re.fullmatch(r'<([^>]+)>; rel="next"', link)
        assert bool(found) == bool(link), link
        target = found[1] if found else ""
    return pages


async def test_catalog_pages_joined_are_the_sorted_list(client: Client) -> None:
    for name in ODD_NAMES:
        await push(client, name, IMAGE, "latest")
    for size in (1, 2, 3, 5, len(ODD_NAMES), 1_000):
        pages = await walk(client, f"/v2/_catalog?n={size}", "repositories")
        assert list(chain.from_iterable(pages)) == sorted(ODD_NAMES)
        assert all(len(page) == size for page in pages[:-1])
    for last in (*ODD_NAMES, "a/", "a/b/", "zzz", "-", "a/a/a", "A"):
        pages = await walk(client, f"/v2/_catalog?n=3&last={last}", "repositories")
        assert list(chain.from_iterable(pages)) == sorted(name for name in ODD_NAMES if name > last), last


async def test_tag_pages_joined_are_the_sorted_list(client: Client) -> None:
    await push(client, "team/app", IMAGE, *ODD_TAGS)
    target = "/v2/team/app/tags/list"
    whole = await client.get(target)
    assert whole.json == {"name": "team/app", "tags": sorted(ODD_TAGS)}
    assert "link" not in whole.headers
    for size in (1, 2, 3, len(ODD_TAGS), 1_000):
        pages = await walk(client, f"{target}?n={size}", "tags")
        assert list(chain.from_iterable(pages)) == sorted(ODD_TAGS)
        assert all(len(page) == size for page in pages[:-1])
    for last in (*ODD_TAGS, "0", "zzz", "%2F..", "v"):
        found = (await client.get(f"{target}?last={last}")).json["tags"]
        assert found == sorted(tag for tag in ODD_TAGS if tag > last.replace("%2F", "/"))


@pytest.mark.parametrize("n", ["-1", "abc", "1_000", " 1", "%2B5", "1.0", "0x10", "%D9%A1", "1%0A"])
@pytest.mark.parametrize("target", ["/v2/_catalog", "/v2/a/tags/list", "/v2/a/referrers/sha256:" + "0" * 64])
async def test_a_size_that_is_no_number_is_refused(memory: Client, target: str, n: str) -> None:
    await push(memory, "a", IMAGE, "latest")
    answer = await memory.get(f"{target}?n={n}")
    assert (answer.status, answer.codes) == (400, ["PAGINATION_NUMBER_INVALID"])


async def test_an_empty_size_is_none(memory: Client) -> None:
    await push(memory, "a", IMAGE, "latest", "v1")
    for target in ("/v2/_catalog", "/v2/a/tags/list", f"/v2/a/referrers/{IMAGE.digest}"):
        empty, without = await memory.get(f"{target}?n="), await memory.get(target)
        assert (empty.status, empty.body) == (200, without.body)


@pytest.mark.parametrize("n", ["1000000", "1" * 30, "9" * 4_000, "0001"])
async def test_a_large_size_gets_what_there_is(memory: Client, n: str) -> None:
    await push(memory, "a", IMAGE, "latest")
    assert (await memory.get(f"/v2/_catalog?n={n}")).json == {"repositories": ["a"]}
    assert (await memory.get(f"/v2/a/tags/list?n={n}")).json["tags"] == ["latest"]


async def test_a_size_of_nothing_gets_nothing(memory: Client) -> None:
    await push(memory, "a", IMAGE, "latest")
    for target, member in (("/v2/_catalog", "repositories"), ("/v2/a/tags/list", "tags")):
        answer = await memory.get(f"{target}?n=0")
        assert (answer.status, answer.json[member], "link" in answer.headers) == (200, [], False)


async def test_limits_of_the_configuration_bound_a_page(tmp_path: Path) -> None:
    more = "catalog:\n  maxentries: 2\ntags:\n  maxtags: 3\n"
    async with serving(application(tmp_path, more=more)) as client:
        for name in ODD_NAMES[:5]:
            await push(client, name, IMAGE, "latest")
        await push(client, "a", IMAGE, *ODD_TAGS)
        assert [len(page) for page in await walk(client, "/v2/_catalog", "repositories")] == [2, 2, 1]
        assert len((await client.get("/v2/_catalog?n=1000")).json["repositories"]) == 2
        assert len((await client.get("/v2/a/tags/list?n=1000")).json["tags"]) == 3


async def test_an_empty_registry_has_an_empty_catalog(client: Client) -> None:
    assert (await client.get("/v2/_catalog")).json == {"repositories": []}


async def test_the_tags_of_an_unknown_repository(client: Client) -> None:
    answer = await client.get("/v2/nobody/tags/list")
    assert (answer.status, answer.codes) == (404, ["NAME_UNKNOWN"])


async def test_a_repository_whose_tags_were_deleted_has_none(client: Client) -> None:
    await push(client, "a", IMAGE, "latest")
    await client.delete("/v2/a/manifests/latest")
    answer = await client.get("/v2/a/tags/list")
    assert (answer.status, answer.json) == (200, {"name": "a", "tags": []})


async def test_folders_that_are_no_repositories_or_tags_are_passed_over(tmp_path: Path) -> None:
    root = Path(str(tmp_path / "root") + layout.REPOSITORIES)
    async with serving(application(tmp_path, FILESYSTEM.format(root=tmp_path / "root"))) as client:
        await push(client, "a", IMAGE, "latest")
        for odd in (
            "UPPER/_manifests",
            "a b/_manifests",
            "lost+found",
            "a/_manifests/tags/-x/current",
            "_x/_manifests",
        ):
            (root / odd).mkdir(parents=True)
        (root / "file").write_bytes(b"")
        (root / "a/_manifests/tags/never").mkdir()
        assert (await client.get("/v2/_catalog")).json == {"repositories": ["a"]}
        assert (await client.get("/v2/a/tags/list")).json["tags"] == ["latest"]


COMPONENT = st.text(alphabet="ab0", min_size=1, max_size=2)
NAME = st.lists(st.lists(COMPONENT, min_size=1, max_size=2).map("-".join), min_size=1, max_size=3).map(
    "/".join
) | (
    st.lists(st.sampled_from(["a", "a.b", "a_b", "a-b", "a--b", "a0"]), min_size=1, max_size=3).map("/".join)
)


async def names_after(driver: Driver, names: set[str], after: str) -> None:
    await driver.write([(layout.manifests(Name(name)) + "/x", b"") for name in names])
    found = [name async for name in Registry(Stock(driver)).names(after)]
    assert found == sorted(name for name in names if name > after)


@settings(max_examples=80, deadline=None)
@given(names=st.sets(NAME, min_size=1, max_size=12), after=NAME | st.text(alphabet="a-/._0b", max_size=6))
async def test_any_names_are_listed_in_order(names: set[str], after: str) -> None:
    await names_after(InMemoryDriver(), names, after)
    with fast_folder() as folder:
        await names_after(Inline(str(folder)), names, after)


TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,5}", fullmatch=True)


@settings(max_examples=80, deadline=None)
@given(
    tags=st.sets(TAG, min_size=1, max_size=12),
    after=st.text(alphabet="aA0_.-/", max_size=4),
    size=st.integers(1, 5),
)
async def test_any_tags_are_listed_in_order(tags: set[str], after: str, size: int) -> None:
    driver, name = InMemoryDriver(), Name("a")
    await driver.write([(layout.tag_link(name, Tag(tag)), b"x") for tag in tags])
    repository = Registry(Stock(driver)).repository("a")
    wanted = sorted(tag for tag in tags if tag > after)
    assert await repository.tags.names(after) == wanted
    assert await repository.tags.names(after, size) == wanted[:size]
