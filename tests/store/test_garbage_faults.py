"""Collections over storage that fails, or says "not found", at any one question: they stop before they remove
anything, or they are right."""

from __future__ import annotations

import errno
import itertools
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.drivers.base import DriverError, PathNotFound
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.garbage.collection import CollectionAborted
from tests.contracts.disk import Failing, Inline, fast_folder
from tests.store.images import image, index, noise
from tests.store.shelf import Shelf, Unreliable, referrers_tag

SHARED = noise("shared", 40)
AMD, ARM = image("amd64", shared=SHARED), image("arm64", layers=2)
LIST = index(index(AMD, ARM))
SIGNATURE = image("signature", subject=AMD)
STRONG = image("strong", algorithm="sha512")
OLD = image("old", shared=SHARED)
LISTING = index(image("listed", subject=OLD))
KEPT = (("a", LIST), ("a", SIGNATURE), ("a/b", AMD), ("strong", STRONG))


async def fill(shelf: Shelf) -> None:
    """Something of each kind that a collection asks for, and garbage of each kind."""
    await shelf.push("a", LIST, "list")
    await shelf.push("a", SIGNATURE)
    await shelf.push("a", OLD, "moved")
    await shelf.push("a", AMD, "moved")
    await shelf.push("a", LISTING, referrers_tag(OLD))
    await shelf.push("a/b", AMD, "latest")
    await shelf.push("strong", STRONG, "strong", algorithms=("sha256", "sha512"))
    await shelf.push("emptied", OLD, "gone")
    await shelf.registry.repository("emptied").tags.delete(Tag("gone"))
    await shelf.push_blob("blobs/only", b"orphan")
    await shelf.driver.delete(layout.blob_data(await shelf.push_blob("a/b", b"gone")))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


async def prepared() -> tuple[Shelf, Unreliable]:
    driver = Unreliable()
    shelf = Shelf(driver)
    await fill(shelf)
    driver.asked = 0
    return shelf, driver


@pytest.mark.parametrize("delete_untagged", [False, True])
@pytest.mark.parametrize("error", [PathNotFound, DriverError, TimeoutError])
@pytest.mark.parametrize("length", [1, 2, 1_000_000], ids=["once", "twice", "for good"])
async def test_a_fault_at_any_question_loses_nothing(
    delete_untagged: bool, error: type[Exception], length: int
) -> None:
    shelf, driver = await prepared()
    before = driver.snapshot()
    await shelf.collect(delete_untagged=delete_untagged)
    questions, after = driver.asked, driver.snapshot()
    aborted = 0
    for at in range(1, questions + 1):
        await driver.restore(before)
        driver.at, driver.length, driver.error = at, length, error
        outcome = await collected(shelf, delete_untagged)
        driver.at = 0
        found = driver.snapshot()
        if outcome == "aborted":
            aborted += 1
            assert found == before, f"question {at}: aborted, and changed something"
        elif outcome == "failed":
            assert found != before, f"question {at}: failed before the first removal"
        else:
            assert found in (before, after), f"question {at}: another result"
        for name, one in KEPT:
            await shelf.check(name, one)
    assert aborted > questions / 2


@pytest.mark.parametrize(("delete_untagged", "first"), [(False, 1), (True, 2)])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOENT], ids=errno.errorcode.get)
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.soak)])
async def test_a_fault_at_a_call_of_the_disk_loses_nothing(
    delete_untagged: bool, first: int, error: int, step: int
) -> None:
    """At some calls: what asks the driver has been tried at every question above."""
    outcomes = {"aborted": 0, "failed": 0, "done": 0}
    with fast_folder() as folder:
        await fill(Shelf(Inline(str(folder / "full"))))
        before = content(folder / "full")
        for at in itertools.count(min(first, step), step):
            root = folder / str(at)
            shutil.copytree(folder / "full", root)
            disk = Failing(at, error)
            disk.armed = True
            outcome = await collected(Shelf(Inline(str(root), disk=disk)), delete_untagged)
            outcomes[outcome] += 1
            if outcome == "aborted":
                assert content(root) == before, f"call {at}: aborted, and changed something"
            for name, one in KEPT:
                await Shelf(Inline(str(root))).check(name, one)
            shutil.rmtree(root)
            if not disk.failed:
                break
    assert outcomes["aborted"] > 20
    assert outcomes["done"] > 0


async def collected(shelf: Shelf, delete_untagged: bool) -> str:
    try:
        await shelf.collect(delete_untagged=delete_untagged)
    except CollectionAborted:
        return "aborted"
    except (DriverError, TimeoutError):
        return "failed"
    return "done"


def content(root: Path) -> dict[str, bytes]:
    below = root / layout.ROOT.lstrip("/")
    return {str(path.relative_to(root)): path.read_bytes() for path in below.rglob("*") if path.is_file()}


async def test_what_failed_is_named_in_one_line() -> None:
    shelf, driver = await prepared()
    driver.error = DriverError
    driver.at = 5
    with pytest.raises(CollectionAborted) as raised:
        await shelf.collect()
    assert str(raised.value).startswith("the storage failed: /docker/registry/v2/")
    assert "\n" not in str(raised.value)


async def test_a_repository_that_is_listed_and_then_not_found_ends_the_collection() -> None:
    shelf, driver = await prepared()
    hidden = layout.manifests(Name("a/b"))

    async def children(path: str) -> list[str]:
        if path.startswith(hidden):
            raise PathNotFound(path)
        return await Unreliable.children(driver, path)

    driver.children = children  # type: ignore[method-assign]
    before = driver.snapshot()
    with pytest.raises(CollectionAborted, match="listed, and then not found"):
        await shelf.collect()
    assert driver.snapshot() == before
