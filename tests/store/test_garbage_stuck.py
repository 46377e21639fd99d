"""Collections of garbage of which something cannot be removed, such as an object under a lock."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from moorage.digest import Digest
from moorage.drivers.base import DriverError
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.inmemory import InMemoryDriver
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.garbage.collection import Collection, collect
from moorage.store.patience import IN_A_ROW
from tests.store.images import image, index
from tests.store.shelf import Shelf, referrers_tag
from tests.support.server import moorage_server
from tests.support.tools import require

AMD, ARM = image("amd64", layers=2), image("arm64")


class Locking(InMemoryDriver):
    """Refuses to remove what begins with one of `locked`."""

    def __init__(self) -> None:
        super().__init__()
        self.locked: tuple[str, ...] = ()
        self.refused = 0

    async def delete(self, path: str, *, durable: bool = True) -> None:
        if self.locked and path.startswith(self.locked):
            self.refused += 1
            raise DriverError(path, "There is currently a lease on the blob (LeaseIdMissing)")
        await super().delete(path, durable=durable)


@pytest.fixture
def driver() -> Locking:
    return Locking()


@pytest.fixture
def shelf(driver: Locking) -> Shelf:
    return Shelf(driver)


def folder(file: str) -> str:
    return file.rpartition("/")[0]


async def collected(shelf: Shelf, *, delete_untagged: bool = False) -> tuple[Collection, list[str]]:
    lines: list[str] = []
    found = await collect(
        shelf.registry, delete_untagged=delete_untagged, notice_seconds=0, report=lines.append
    )
    return found, lines


async def test_a_blob_that_cannot_be_removed_is_told_and_all_others_go(
    shelf: Shelf, driver: Locking, caplog: pytest.LogCaptureFixture
) -> None:
    await shelf.push("a", AMD, "latest")
    orphans = sorted([await shelf.push_blob("a", b"orphan %d" % number) for number in range(100)])
    stuck = orphans[3]
    locked = folder(layout.blob_data(stuck))
    driver.locked = (locked,)
    for _ in range(2):
        caplog.clear()
        found, lines = await collected(shelf)
        assert found.stayed == found.as_dict()["not_removed"] == [locked]
        told = [vars(record) for record in caplog.records if record.levelname == "ERROR"]
        assert [one["path"] for one in told] == [locked]
        assert "lease" in told[0]["reason"]
        assert sorted(lines) == sorted(f"blob {digest} {size}" for digest, size in found.garbage.blobs)
        assert stuck not in dict(found.garbage.blobs)
        assert {one.hex for one in orphans} & await shelf.blobs() == {stuck.hex}
        await shelf.push_blob("a", b"orphan of the next round")
    driver.locked = ()
    found, _ = await collected(shelf)
    assert found.stayed == []
    assert stuck.hex not in await shelf.blobs()
    await shelf.check("a", AMD)


async def test_a_manifest_that_cannot_be_removed_keeps_what_it_names_and_all_else_goes(
    shelf: Shelf, driver: Locking
) -> None:
    strong = image("strong", layers=2, algorithm="sha512")
    await shelf.push("a", AMD)
    await shelf.push("a", ARM)
    await shelf.push("b", strong, algorithms=("sha256", "sha512"))
    await shelf.push("b", AMD)
    links = [layout.revision_link(Name("a"), AMD.digest), layout.revision_link(Name("b"), strong.digest)]
    driver.locked = tuple(map(folder, links))
    for _ in range(2):
        found, lines = await collected(shelf, delete_untagged=True)
        assert sorted(found.stayed) == sorted(driver.locked)
        assert not any(
            one.digest in line for one in (AMD, strong) for line in lines if line.startswith("blob")
        )
        await shelf.check("a", AMD)
        await shelf.check("b", strong)
        for blob in strong.blobs:
            await shelf.registry.repository("b").blobs.stat(Digest.of(blob, "sha512"))
        assert not await shelf.has("a", ARM)
        assert not await shelf.has("b", AMD)
        assert len(await shelf.blobs()) == 2 + len(AMD.blobs) + len(strong.blobs)
        await shelf.push("a", ARM)
    assert f"manifest a@{ARM.digest}" in lines
    driver.locked = ()
    await collected(shelf, delete_untagged=True)
    assert await shelf.blobs() == set()
    assert await shelf.catalog() == []


@pytest.mark.parametrize("stuck", ["tag", "history", "referrer"])
async def test_what_cannot_be_removed_before_manifests_keeps_those_of_its_repository_alone(
    shelf: Shelf, driver: Locking, stuck: str
) -> None:
    name, signature = Name("a"), image("signature", subject=AMD)
    listing = index(signature)
    for repository in ("a", "b"):
        await shelf.push(repository, AMD, "moved")
        await shelf.push(repository, ARM, "moved")
        await shelf.push(repository, signature)
        await shelf.push(repository, listing, referrers_tag(AMD))
    driver.locked = (
        {
            "tag": layout.tag(name, Tag(referrers_tag(AMD))),
            "history": layout.tag_index(name, Tag("moved")),
            "referrer": layout.referrers(name),
        }[stuck],
    )
    found, lines = await collected(shelf, delete_untagged=True)
    assert found.stayed
    assert all(path.startswith(driver.locked) for path in found.stayed)
    for one in (AMD, ARM, signature):
        await shelf.check("a", one)
    assert ("tag a:" + referrers_tag(AMD) in lines) == (stuck != "tag")
    assert not await shelf.has("b", AMD)
    await shelf.check("b", ARM)
    driver.locked = ()
    found, _ = await collected(shelf, delete_untagged=True)
    assert found.stayed == []
    assert await shelf.blobs() == {ARM.digest.hex, *(Digest.of(blob).hex for blob in ARM.blobs)}


async def test_a_link_that_cannot_be_removed_keeps_its_blob(shelf: Shelf, driver: Locking) -> None:
    orphan = await shelf.push_blob("a", b"orphan", ("sha256", "sha512"))
    other = await shelf.push_blob("a", b"other")
    await shelf.push("b", AMD, "latest")
    driver.locked = (folder(layout.layer_link(Name("a"), orphan)),)
    found, lines = await collected(shelf)
    assert found.stayed == list(driver.locked)
    assert lines == [f"blob {other} 5"]
    assert (await shelf.registry.repository("a").blobs.stat(orphan)).size == 6


async def test_a_repository_that_cannot_be_removed_is_not_told_as_removed(
    shelf: Shelf, driver: Locking
) -> None:
    for name in ("a", "b"):
        await shelf.push(name, AMD)
    driver.locked = (layout.referrers(Name("a")),)
    found, lines = await collected(shelf, delete_untagged=True)
    assert found.garbage.repositories == ["b"]
    assert [line for line in lines if line.startswith("repository")] == ["repository b"]
    assert found.stayed == list(driver.locked)


async def test_a_store_that_is_down_ends_the_collection_soon(shelf: Shelf, driver: Locking) -> None:
    for number in range(500):
        await shelf.push_blob("a", b"orphan %d" % number)
    driver.locked = (layout.BLOBS,)
    with pytest.raises(DriverError, match="lease"):
        await collected(shelf)
    assert driver.refused <= 2 * IN_A_ROW
    assert len(await shelf.blobs()) == 500


async def test_a_store_that_removes_nothing_at_all_is_an_error(shelf: Shelf, driver: Locking) -> None:
    await shelf.push_blob("a", b"orphan")
    driver.locked = (layout.ROOT,)
    with pytest.raises(DriverError, match="lease"):
        await collected(shelf)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_a_folder_of_another_user_on_a_disk_is_exit_status_1_and_the_rest_goes(tmp_path: Path) -> None:
    require("setpriv")
    tree = tmp_path / "tree"
    tree.mkdir()
    stuck, other = asyncio.run(orphans(tree))
    config = moorage_server(tmp_path / "moorage", root=tree).command[-1]
    shard = (tree / folder(layout.blob_data(stuck)).lstrip("/")).parent
    os.chown(shard, 1234, 1234)
    # So that it may do no more than any other user.
    mortal = ["setpriv", "--bounding-set=-dac_override"]
    done = subprocess.run(
        [*mortal, str(Path(sys.executable).with_name("moorage")), "garbage-collect", config],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[:-1] == [f"blob {other} 5"]
    assert "; 1 path could not be removed" in done.stdout.splitlines()[-1]
    assert done.stderr.count("garbage cannot be removed") == 1
    assert folder(layout.blob_data(stuck)) in done.stderr
    assert (shard / stuck.hex / "data").exists()


async def orphans(tree: Path) -> tuple[Digest, Digest]:
    """A registry with nothing but two blobs that no manifest names."""
    driver = FilesystemDriver(str(tree))
    shelf = Shelf(driver)
    found = await shelf.push_blob("a", b"orphan"), await shelf.push_blob("a", b"other")
    await driver.close()
    return found
