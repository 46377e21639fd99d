"""Purging goes on when an upload ends by itself meanwhile, before each question that it asks in turn, and when the storage fails in
one folder."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from moorage.digest import Digest
from moorage.drivers.base import DriverError
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.errors import UploadUnknown
from moorage.names import Name, UploadId
from moorage.store import layout
from moorage.store.ages import Age
from moorage.store.checking.registry import Rules, check_registry
from moorage.store.findings import Finding, Unwatched
from moorage.store.patience import IN_A_ROW
from moorage.store.purge import purge_uploads
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from moorage.store.uploads import Upload
from tests.store.filled import AMD, Busy
from tests.store.shelf import Shelf
from tests.support.forking import command
from tests.support.server import moorage_server

REPOSITORIES = ("a", "b", "c")
NO_AGE = datetime.timedelta(0)
WEEK = datetime.timedelta(days=7)


async def begun(driver: Busy) -> tuple[Registry, dict[str, Upload]]:
    """An upload in each repository. Nothing is left of a folder there once what lay in it is gone, as in object stores."""
    registry = Registry(Stock(driver))
    return registry, {name: await registry.repository(name).uploads.start() for name in REPOSITORIES}


def ending(upload: Upload) -> Callable[[], Awaitable[None]]:
    """Its client cancels it, unless it was purged a moment ago."""

    async def end() -> None:
        with contextlib.suppress(UploadUnknown):
            await upload.cancel()

    return end


async def purged(registry: Registry) -> set[str]:
    return {found.repository async for found in purge_uploads(registry, age=Age(-3600.0))}


async def test_the_last_upload_of_a_repository_may_end_at_any_moment() -> None:
    gone_first, at, over = 0, 0, False
    while not over:
        at += 1
        driver = Busy()
        registry, uploads = await begun(driver)
        driver.asked, driver.at, driver.event = 0, at, ending(uploads["b"])
        found = await purged(registry)
        over = driver.event is not None
        assert found | {"b"} == set(REPOSITORIES), at
        gone_first += "b" not in found
        driver.event = None
        assert await purged(registry) == set(), at
    assert 0 < gone_first < at


async def test_a_check_tells_the_other_uploads_when_one_ends_at_any_moment() -> None:
    at, over = 0, False
    while not over:
        at += 1
        driver = Busy()
        registry, uploads = await begun(driver)
        driver.asked, driver.at, driver.event = 0, at, ending(uploads["b"])
        report = await check_registry(registry, Rules(stray=NO_AGE))
        over = driver.event is not None
        assert {one.kind for one in report.findings} == {"stray-upload"}, at
        assert {one.repository for one in report.findings} | {"b"} == set(REPOSITORIES), at
    assert at > 10


# Folders in which the storage fails


BROKEN = ("repositories/a/_uploads", "repositories/a")


def old_uploads(root: Path, *names: str) -> dict[str, Path]:
    """An upload in each repository, made long ago."""
    folders = {}
    for name in names:
        folders[name] = root / layout.upload(Name(name), UploadId.new()).lstrip("/")
        folders[name].mkdir(parents=True)
        for file in ("startedat", "data"):
            (folders[name] / file).write_bytes(b"begun")
            os.utime(folders[name] / file, (1e9, 1e9))
    return folders


def unlistable(path: Path) -> None:
    """Nobody can follow a link to such a long name, not even root."""
    shutil.rmtree(path)
    path.symlink_to("x" * 300)


def registry_at(root: Path) -> Registry:
    return Registry(Stock(FilesystemDriver(str(root))))


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [str(vars(one)["path"]) for one in caplog.records if one.levelname == "WARNING"]


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_folder_that_cannot_be_listed_is_named_once_and_the_others_are_purged(
    tmp_path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    folders = old_uploads(tmp_path, "a", "b", "c/d")
    unlistable(tmp_path / "docker/registry/v2" / broken)
    assert await purged(registry_at(tmp_path)) == {"b", "c/d"}
    assert warned(caplog) == [f"{layout.ROOT}/{broken}"]
    assert not folders["b"].exists()


@pytest.mark.parametrize("broken", [*BROKEN, "repositories"])
async def test_when_nothing_can_be_purged_it_is_an_error(tmp_path: Path, broken: str) -> None:
    old_uploads(tmp_path, "a")
    unlistable(tmp_path / "docker/registry/v2" / broken)
    with pytest.raises(DriverError, match=broken):
        await purged(registry_at(tmp_path))


async def test_many_folders_in_a_row_that_cannot_be_listed_are_an_error(tmp_path: Path) -> None:
    """Then it is not a folder that is broken, but the storage."""
    names = [f"team{number:02}" for number in range(IN_A_ROW + 1)]
    folders = old_uploads(tmp_path, "first", *names, "zzz")
    for name in names:
        unlistable(folders[name].parent)
    with pytest.raises(DriverError, match=f"/{names[-2]}/"):
        await purged(registry_at(tmp_path))


class Stubborn(InMemoryDriver):
    """Does not remove some things."""

    def __init__(self, *kept: str) -> None:
        super().__init__()
        self.kept = kept

    async def delete(self, path: str, *, durable: bool = True) -> None:
        if any(kept in path for kept in self.kept):
            raise DriverError(path, "Permission denied")
        await super().delete(path, durable=durable)


@pytest.mark.parametrize("uploads", [1, 3, 2 * IN_A_ROW])
async def test_uploads_that_cannot_be_removed_are_told_once_for_their_repository(
    uploads: int, caplog: pytest.LogCaptureFixture
) -> None:
    registry = Registry(Stock(Stubborn("/a/_uploads")))
    for _ in range(uploads):
        await registry.repository("a").uploads.start()
    await registry.repository("b").uploads.start()
    assert await purged(registry) == {"b"}
    assert warned(caplog) == [layout.uploads(Name("a"))]


async def test_an_upload_that_cannot_be_removed_does_not_keep_its_neighbours() -> None:
    driver = Stubborn()
    registry = Registry(Stock(driver))
    started = sorted([(await registry.repository("a").uploads.start()).id for _ in range(3)])
    driver.kept = (started[1],)
    assert await purged(registry) == {"a"}
    assert await driver.children(layout.uploads(Name("a"))) == [started[1]]


async def test_a_check_goes_on_and_names_the_folder_of_uploads_that_cannot_be_listed(tmp_path: Path) -> None:
    shelf = Shelf(FilesystemDriver(str(tmp_path)))
    await shelf.push("a", AMD, "latest")
    await shelf.driver.delete(layout.blob_data(Digest.of(AMD.blobs[1])))
    old_uploads(tmp_path, "b", "c")
    unlistable(tmp_path / layout.uploads(Name("b")).lstrip("/"))
    report = await check_registry(shelf.registry, Rules(settled_seconds=-3600.0))
    told = {(one.kind, one.path) for one in report.findings if one.kind != "stray-upload"}
    assert ("unreadable-folder", layout.uploads(Name("b"))) in told
    assert "missing-blob" in {kind for kind, _ in told}
    assert [one.repository for one in report.findings if one.kind == "stray-upload"] == ["c"]


async def test_a_check_tells_what_it_found_before_it_fails_on_uploads(tmp_path: Path) -> None:
    shelf = Shelf(FilesystemDriver(str(tmp_path)))
    await shelf.push("a", AMD, "latest")
    await shelf.driver.delete(layout.blob_data(Digest.of(AMD.blobs[1])))
    old_uploads(tmp_path, "b")
    unlistable(tmp_path / layout.uploads(Name("b")).lstrip("/"))
    seen: list[str] = []

    class Seeing(Unwatched):
        def found(self, finding: Finding) -> None:
            seen.append(finding.kind)

    with pytest.raises(DriverError, match="_uploads"):
        await check_registry(shelf.registry, Rules(settled_seconds=-3600.0), Seeing())
    assert "missing-blob" in seen


# Clocks


FUTURE = 4e9
"""In the year 2096, as a file gets it from a machine whose clock was wrong."""


def dated(folder: Path, moment: float) -> None:
    for file in folder.iterdir():
        os.utime(file, (moment, moment))


async def purged_of(root: Path, age: datetime.timedelta) -> set[str]:
    return {
        found.repository async for found in purge_uploads(registry_at(root), age=Age(age.total_seconds()))
    }


async def test_an_upload_from_the_future_is_as_old_as_one_from_the_past(tmp_path: Path) -> None:
    folders = old_uploads(tmp_path, "a", "b", "c")
    dated(folders["a"], FUTURE)
    dated(folders["b"], 1e15)  # No file system keeps that, but some keep more than a date can be.
    dated(folders["c"], time.time() - 1)
    assert await purged_of(tmp_path, WEEK) == {"a", "b"}
    assert not folders["a"].exists()
    assert await purged_of(tmp_path, NO_AGE) == {"c"}


@pytest.mark.parametrize(
    ("age", "ahead"),
    [
        # A store takes requests from clocks that differ by a quarter of an hour.
        (datetime.timedelta(seconds=10), 14 * 60),
        # A clock may have been set back meanwhile, and whoever chose the age took that much for safe.
        (WEEK, 6 * 86400),
    ],
)
async def test_what_a_clock_that_is_a_little_ahead_has_just_written_is_young(
    tmp_path: Path, age: datetime.timedelta, ahead: float
) -> None:
    folders = old_uploads(tmp_path, "a")
    dated(folders["a"], time.time() + ahead)
    assert await purged_of(tmp_path, age) == set()
    assert await purged_of(tmp_path, NO_AGE) == {"a"}


async def test_what_is_written_while_everything_is_purged_stays(tmp_path: Path) -> None:
    folders = old_uploads(tmp_path, "a", "b")
    dated(folders["a"], time.time() - 1)
    age = Age(0.0)
    dated(folders["b"], time.time())
    assert {found.repository async for found in purge_uploads(registry_at(tmp_path), age=age)} == {"a"}


async def test_a_check_tells_of_uploads_from_the_future(tmp_path: Path) -> None:
    shelf = Shelf(FilesystemDriver(str(tmp_path)))
    await shelf.push("a", AMD, "latest")
    dated(old_uploads(tmp_path, "a")["a"], FUTURE)
    for rules in (Rules(), Rules(stray=NO_AGE)):
        report = await check_registry(shelf.registry, rules)
        assert [one.kind for one in report.findings] == ["stray-upload"]


def test_the_command_purges_an_upload_from_the_future(tmp_path: Path) -> None:
    server = moorage_server(tmp_path / "server", root=tmp_path / "root")
    dated(old_uploads(tmp_path / "root", "a")["a"], FUTURE)
    for options in ([], ["--age", "0"]):
        done = command("purge-uploads", "--dry-run", *options, server.command[-1])
        assert done.stdout.endswith("\n1 upload would be purged\n"), done.stderr


async def test_an_upload_without_bytes_has_no_size() -> None:
    driver = InMemoryDriver()
    registry = Registry(Stock(driver))
    await driver.write([(layout.upload_started(Name("a"), UploadId.new()), b"2026-01-01T00:00:00Z")])
    assert [one.size async for one in purge_uploads(registry, age=Age(-3600.0), dry_run=True)] == [0]
