"""A check finds what is damaged and nothing else, repairs what it may, and takes no push for damage."""

from __future__ import annotations

import datetime
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from moorage.digest import Digest
from moorage.drivers.filesystem import FilesystemDriver
from moorage.names import Tag, UploadId
from moorage.store import layout
from moorage.store.announcing import announced
from moorage.store.checking.registry import RepairRefused, Rules, check_registry
from moorage.store.checking.report import CheckReport
from tests.store.filled import (
    AMD,
    ARM,
    LATE,
    LIST,
    SIGNATURE,
    STRONG,
    A,
    B,
    Busy,
    content,
    emptied,
    filled,
    flipped,
    real,
    shortened,
    whole,
)
from tests.store.images import index
from tests.store.shelf import Shelf

LAYER = Digest.of(AMD.blobs[1])
GONE = Digest.of(b"gone")


@pytest.fixture
def shelf(filled_tree: Path, tmp_path: Path) -> Shelf:
    return Shelf(FilesystemDriver(str(shutil.copytree(filled_tree, tmp_path / "root"))))


async def check(shelf: Shelf, *, repair: bool = False, quick: bool = False) -> CheckReport:
    """However young things are."""
    rules = Rules(repair=repair, quick=quick, settled_seconds=-3600.0, notice_seconds=0.0)
    return await check_registry(shelf.registry, rules)


def kinds(report: CheckReport) -> list[tuple[str, str, bool]]:
    return sorted((one.kind, one.path, one.repaired) for one in report.findings)


async def test_nothing_is_found_in_a_whole_registry(shelf: Shelf) -> None:
    before = content(shelf)
    report = await check(shelf, repair=True)
    assert report.findings == []
    assert (report.repositories, report.manifests, report.blobs) == (3, 6, len(await shelf.blobs()))
    assert report.size == sum(len(data) for path, (data, _) in before.items() if path.endswith("/data"))
    assert content(shelf) == before


async def test_there_is_nothing_in_an_empty_one(tmp_path: Path) -> None:
    assert (await check(Shelf(FilesystemDriver(str(tmp_path))))).clean


# Blobs


@pytest.mark.parametrize("harm", [emptied, flipped])
async def test_a_corrupt_blob_goes_and_a_push_brings_it_back(
    shelf: Shelf, harm: Callable[[Path], None]
) -> None:
    harm(real(shelf, layout.blob_data(LAYER)))
    named = ("missing-blob", layout.layer_link(A, LAYER), False)
    report = await check(shelf)
    assert kinds(report) == [("corrupt-blob", layout.blob_data(LAYER), False), named]
    assert LAYER.hex in await shelf.blobs()
    report = await check(shelf, repair=True)
    assert kinds(report) == [("corrupt-blob", layout.blob_data(LAYER), True), named]
    assert not report.clean
    assert LAYER.hex not in await shelf.blobs()
    await shelf.push("a", AMD)
    assert (await check(shelf)).findings == []
    await whole(shelf)


async def test_a_blob_that_lost_bytes_is_told_and_left_to_the_next_push(shelf: Shelf) -> None:
    """It is answered as not there; to replace it needs no removal."""
    shortened(real(shelf, layout.blob_data(LAYER)))
    report = await check(shelf, repair=True)
    assert kinds(report)[0] == ("corrupt-blob", layout.blob_data(LAYER), False)
    await shelf.push("a", AMD)
    assert (await check(shelf)).findings == []


async def test_a_quick_check_sees_sizes_only(shelf: Shelf) -> None:
    flipped(real(shelf, layout.blob_data(LAYER)))
    assert (await check(shelf, quick=True)).findings == []
    for harm in (emptied, shortened):
        await shelf.push("a", AMD)
        harm(real(shelf, layout.blob_data(LAYER)))
        assert kinds(await check(shelf, quick=True))[0][0] == "corrupt-blob", harm


async def test_a_quick_check_reads_a_blob_that_has_not_the_size_its_manifest_tells(shelf: Shelf) -> None:
    path = real(shelf, layout.blob_data(LAYER))
    path.write_bytes(path.read_bytes()[:-1])
    assert kinds(await check(shelf, quick=True))[0] == ("corrupt-blob", layout.blob_data(LAYER), False)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("harm", [emptied, flipped, Path.unlink])
async def test_a_manifest_without_its_bytes_is_told_with_its_tag_and_comes_back_by_a_push(
    shelf: Shelf, harm: Callable[[Path], None], quick: bool
) -> None:
    harm(real(shelf, layout.blob_data(LIST.digest)))
    report = await check(shelf, repair=True, quick=quick)
    told = [(kind, path) for kind, path, _ in kinds(report) if kind != "corrupt-blob"]
    assert told == [
        ("dangling-revision-link", layout.revision_link(A, LIST.digest)),
        ("dangling-tag", layout.tag_link(A, Tag("list"))),
    ]
    assert LIST.digest.hex not in await shelf.blobs()
    await shelf.push_manifest("a", LIST)
    assert (await check(shelf)).findings == []
    await whole(shelf)


async def test_a_blob_that_a_manifest_names_and_its_repository_cannot_serve(shelf: Shelf) -> None:
    link = layout.layer_link(A, LAYER)
    real(shelf, link).unlink()
    report = await check(shelf, repair=True)
    assert kinds(report) == [("missing-blob", link, False)]
    assert report.findings[0].digest == LAYER
    assert AMD.digest in report.findings[0].detail


async def test_what_a_registry_takes_without_its_parts_is_no_damage(shelf: Shelf) -> None:
    await shelf.push_manifest("a", index(AMD, LATE), "sparse")
    assert (await check(shelf)).findings == []


# Links


@pytest.mark.parametrize("torn", [b"", b"sha256:12"])
async def test_torn_links_are_written_anew_from_their_path(shelf: Shelf, torn: bytes) -> None:
    links = [
        layout.layer_link(A, LAYER),
        layout.referrer_link(A, AMD.digest, SIGNATURE.digest),
        layout.revision_link(A, ARM.digest),
        layout.tag_index_link(A, Tag("moved"), ARM.digest),
    ]
    held = {path: real(shelf, path).read_bytes() for path in links}
    for path in links:
        real(shelf, path).write_bytes(torn)
    assert kinds(await check(shelf)) == sorted(("torn-link", path, False) for path in links)
    report = await check(shelf, repair=True)
    assert kinds(report) == sorted(("torn-link", path, True) for path in links)
    assert report.clean
    assert {path: real(shelf, path).read_bytes() for path in links} == held
    assert (await check(shelf)).findings == []


async def test_a_torn_link_of_another_digest_is_told_and_left(shelf: Shelf) -> None:
    link = layout.layer_link(B, Digest.of(STRONG.blobs[0], "sha512"))
    emptied(real(shelf, link))
    report = await check(shelf, repair=True)
    assert ("torn-link", link, False) in kinds(report)


async def test_a_torn_tag_is_written_anew_from_its_history(shelf: Shelf) -> None:
    link = layout.tag_link(A, Tag("moved"))
    emptied(real(shelf, link))
    newest = real(shelf, layout.tag_index_link(A, Tag("moved"), AMD.digest))
    os.utime(newest, (time.time(), time.time()))
    report = await check(shelf, repair=True)
    assert kinds(report) == [("torn-tag", link, True)]
    await whole(shelf)


async def test_a_torn_tag_without_a_history_is_told_and_left(shelf: Shelf) -> None:
    link = layout.tag_link(A, Tag("moved"))
    emptied(real(shelf, link))
    shutil.rmtree(real(shelf, layout.tag_index(A, Tag("moved"))))
    assert kinds(await check(shelf, repair=True)) == [("torn-tag", link, False)]
    assert real(shelf, link).read_bytes() == b""


async def test_a_referrer_that_another_registry_did_not_list_is_listed(shelf: Shelf) -> None:
    repository = shelf.registry.repository(A)
    subject = AMD.digest
    listed = [found.digest async for found in repository.referrers.of(subject)]
    assert SIGNATURE.digest in listed
    link = layout.referrer_link(A, subject, SIGNATURE.digest)
    shutil.rmtree(real(shelf, link).parent)
    assert [found.digest async for found in repository.referrers.of(subject)] == []
    assert kinds(await check(shelf)) == [("missing-referrer-link", link, False)]
    assert kinds(await check(shelf, repair=True)) == [("missing-referrer-link", link, True)]
    assert [found.digest async for found in repository.referrers.of(subject)] == listed
    await whole(shelf)


async def test_links_that_lead_nowhere_go(shelf: Shelf) -> None:
    layer, referrer = layout.layer_link(A, GONE), layout.referrer_link(A, AMD.digest, GONE)
    before = content(shelf)
    await shelf.driver.write([(path, GONE.encode()) for path in (layer, referrer)])
    report = await check(shelf, repair=True)
    assert kinds(report) == [
        ("dangling-layer-link", layer, True),
        ("dangling-referrer-link", referrer, True),
    ]
    assert content(shelf) == before


async def test_a_tag_goes_only_when_nothing_is_left_of_its_manifest(shelf: Shelf) -> None:
    lost, elsewhere = layout.tag_link(A, Tag("lost")), layout.tag_link(A, Tag("elsewhere"))
    # The bytes are there, for another repository.
    there = await shelf.push_manifest("only/a/blob", index())
    await shelf.driver.write([(lost, GONE.encode()), (elsewhere, there.encode())])
    report = await check(shelf, repair=True)
    assert kinds(report) == [("dangling-tag", elsewhere, False), ("dangling-tag", lost, True)]
    assert await shelf.tags("a") == ["elsewhere", "list", "moved"]


# The rest


async def test_uploads_and_strange_files_are_told_and_left(shelf: Shelf) -> None:
    upload = layout.upload(A, UploadId.new())
    strange = [
        f"{layout.BLOBS}/md5",
        f"{layout.CANONICAL_BLOBS}/ab/not-a-digest",
        f"{layout.REPOSITORIES}/.DS_Store",
        f"{layout.REPOSITORIES}/a/README",
        f"{layout.REPOSITORIES}/a/_strange",
        f"{layout.layers(A)}/sha256/not-a-digest",
        f"{layout.revisions(A)}/sha256/not-a-digest",
        f"{layout.tags(A)}/.DS_Store",
    ]
    folders = ("md5", "not-a-digest", "_strange")
    files = [f"{path}/file" if path.endswith(folders) else path for path in strange]
    await shelf.driver.write([(path, b"mine") for path in (f"{upload}/startedat", *files)])
    rules = Rules(repair=True, settled_seconds=-3600.0, stray=datetime.timedelta(0))
    report = await check_registry(shelf.registry, rules)
    told = [*(("foreign-file", path, False) for path in strange), ("stray-upload", upload, False)]
    assert kinds(report) == sorted(told)
    assert [await shelf.driver.read(path) for path in files] == [b"mine"] * len(files)


async def test_what_is_young_is_left_out(shelf: Shelf) -> None:
    emptied(real(shelf, layout.tag_link(A, Tag("moved"))))
    link = layout.layer_link(A, GONE)
    await shelf.driver.write([(link, GONE.encode())])
    old = time.time() - 7200
    os.utime(real(shelf, link), (old, old))
    report = await check_registry(shelf.registry, Rules(repair=True))
    assert kinds(report) == [("dangling-layer-link", link, True)]
    assert report.young == 1
    assert real(shelf, layout.tag_link(A, Tag("moved"))).read_bytes() == b""


@pytest.mark.parametrize("age", [3600.0, 0.0])
async def test_what_is_damaged_and_comes_from_the_future_is_found(shelf: Shelf, age: float) -> None:
    """As a wrong clock has dated it."""
    tag, link = real(shelf, layout.tag_link(A, Tag("moved"))), real(shelf, layout.layer_link(A, LAYER))
    emptied(tag)
    emptied(link)
    os.utime(tag, (4e9, 4e9))
    os.utime(link, (time.time() + 60, time.time() + 60))
    report = await check_registry(shelf.registry, Rules(settled_seconds=age))
    kinds_of_all = {"torn-tag"} if age else {"torn-tag", "torn-link"}
    assert {one.kind for one in report.findings} == kinds_of_all
    assert report.young == len({"torn-tag", "torn-link"} - kinds_of_all)


@pytest.mark.parametrize(("age", "ahead"), [(10.0, 14 * 60), (86400.0, 23 * 3600)])
async def test_what_a_clock_that_is_a_little_ahead_has_just_written_is_young(
    shelf: Shelf, age: float, ahead: float
) -> None:
    tag = real(shelf, layout.tag_link(A, Tag("moved")))
    emptied(tag)
    os.utime(tag, (time.time() + ahead, time.time() + ahead))
    report = await check_registry(shelf.registry, Rules(repair=True, settled_seconds=age))
    assert (report.findings, report.young) == ([], 1)


async def test_nothing_is_repaired_beside_a_collection(shelf: Shelf) -> None:
    await shelf.driver.write([(layout.layer_link(A, GONE), GONE.encode())])
    async with announced(shelf.driver):
        with pytest.raises(RepairRefused):
            await check(shelf, repair=True)
        assert len((await check(shelf)).findings) == 1


# Beside a registry that serves


async def pushing(shelf: Shelf) -> None:
    await shelf.push("a", LATE, "late")
    await shelf.push("a", index(AMD, LATE), "list", "another")
    await shelf.push("new", LATE, "first")


async def deleting(shelf: Shelf) -> None:
    for digest in (LIST.digest, AMD.digest):
        await shelf.registry.repository("a").manifests.delete(digest)
    await shelf.collect()


async def replacing(shelf: Shelf) -> None:
    await deleting(shelf)
    await shelf.push("a", LIST, "list", "moved")


@pytest.mark.parametrize("event", [pushing, deleting, replacing])
async def test_what_happens_meanwhile_is_no_damage(event: Callable[[Shelf], Awaitable[None]]) -> None:
    at, over = 0, False
    while not over:
        at += 7
        driver = Busy()
        shelf = await filled(Shelf(driver))
        driver.asked, driver.at = 0, at
        driver.event = lambda shelf=shelf: event(shelf)
        report = await check(shelf)
        over = driver.event is not None
        assert report.findings == [], at
    assert at > 100


async def with_links_that_lead_nowhere(driver: Busy) -> Shelf:
    shelf = await filled(Shelf(driver))
    digests = [Digest.of(blob) for blob in LATE.blobs]
    await driver.write([(layout.layer_link(A, digest), digest.encode()) for digest in digests])
    driver.asked = 0
    return shelf


async def test_what_is_pushed_while_links_are_removed_keeps_its_links() -> None:
    """The push finds the links there, and need not write them. The last questions are those of the repairs."""
    quiet = Busy()
    assert (await check(await with_links_that_lead_nowhere(quiet), repair=True)).repaired == len(LATE.blobs)
    repaired = 0
    for at in range(quiet.asked - 60, quiet.asked):
        driver = Busy()
        shelf = await with_links_that_lead_nowhere(driver)
        driver.at = at
        driver.event = lambda shelf=shelf: shelf.push("a", LATE, "late")
        repaired += (await check(shelf, repair=True)).repaired
        assert driver.event is None
        await shelf.check("a", LATE)
        assert (await check(shelf)).findings == [], at
    assert repaired > 0
