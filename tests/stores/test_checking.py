"""`moorage storage check` over an object store and over files, as an operator runs it."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from moorage.digest import Digest
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.names import Name, Tag
from moorage.store import layout
from moorage.store.checking.registry import Rules, check_registry
from tests.drivers.objectstore.stores import driver_over
from tests.store.filled import AMD, LIST, filled, whole
from tests.store.shelf import Shelf
from tests.stores.commands import checked, in_bucket, on_disk, storage
from tests.stores.test_purging import begin
from tests.support.objectstores import S3

A = Name("a")
LAYER = Digest.of(AMD.blobs[1])
GONE = Digest.of(b"gone")


@pytest.fixture
def driver(moto_store: S3) -> ObjectStoreDriver:
    return driver_over(moto_store, f"checks/{secrets.token_hex(6)}")


async def test_a_bucket_is_checked_and_repaired(
    moto_store: S3, driver: ObjectStoreDriver, tmp_path: Path
) -> None:
    shelf = await filled(Shelf(driver))
    config = in_bucket(tmp_path / "bucket.yml", moto_store, driver.key("/").rstrip("/"))
    dangling = layout.layer_link(A, GONE)
    await driver.write(
        [
            (layout.blob_data(LAYER), b"other bytes"),
            (dangling, GONE.encode()),
            (layout.tag_link(A, Tag("moved")), b""),
        ]
    )
    begin(moto_store, driver.key(layout.blob_data(GONE)))
    report = checked(config, status=1)
    assert (report["repositories"], report["manifests"]) == (3, 6)
    assert [(one["kind"], one["digest"]) for one in report["findings"]] == [
        ("corrupt-blob", LAYER),
        ("torn-tag", AMD.digest),
        ("missing-blob", LAYER),
        ("dangling-layer-link", GONE),
        ("unfinished-multipart-upload", ""),
    ]
    young = storage("check", config, "--repair", "--quick", "--notice", "0", status=1).stdout.splitlines()
    assert young[-1].endswith("1 finding, 0 repaired; 3 younger than 1 h left out")
    rules = Rules(repair=True, settled_seconds=0.0, notice_seconds=0.0)
    repaired = await check_registry(shelf.registry, rules)
    assert {one.kind for one in repaired.findings if one.repaired} == {
        "corrupt-blob",
        "torn-tag",
        "dangling-layer-link",
    }
    await shelf.push("a", LIST)
    await whole(shelf)


async def test_what_is_found_is_a_line_each_and_the_exit_status_tells(tmp_path: Path) -> None:
    root = tmp_path / "root"
    await filled(Shelf(FilesystemDriver(str(root))))
    config = on_disk(tmp_path / "config.yml", root)
    link = layout.layer_link(A, LAYER)
    Path(f"{root}{link}").write_bytes(b"")
    done = storage("check", config, "--age", "0", status=1)
    line, summary = done.stdout.splitlines()
    assert line == f"torn-link {link}: empty"
    assert summary.endswith("; 1 finding, 0 repaired")
    done = storage("check", config, "--age", "0", "--repair")
    assert done.stdout.startswith(f"torn-link {link}: empty (repaired)\n3 repositories, 6 manifests, ")
    assert Path(f"{root}{link}").read_text() == LAYER
    assert checked(config)["findings"] == []


def test_a_storage_that_fails_is_one_line_and_exit_status_2(moto_store: S3, tmp_path: Path) -> None:
    nobody = replace(moto_store, bucket="elsewhere")
    said = storage("check", in_bucket(tmp_path / "config.yml", nobody, "root"), status=2).stderr
    assert said.startswith("moorage: not finished: ")
    assert said.count("\n") == 1
