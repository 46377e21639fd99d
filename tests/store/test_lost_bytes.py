"""A manifest tells the sizes of its blobs: one that another program wrote, or that was restored without its recorded size, is found
out when it is not whole, and the next push brings it back."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from moorage.digest import Digest
from moorage.drivers.filesystem import FilesystemDriver
from moorage.errors import BlobUnknown, ManifestBlobUnknown
from moorage.manifest import parse
from moorage.store.layout import blob_data
from moorage.store.registry import Registry
from moorage.store.repository import Repository, Stock
from tests.contracts.disk import Counting, Inline
from tests.store.images import LAYER, Image, descriptor, image
from tests.store.ledger import Ledger, World

IMAGE = image("lost", layers=2, size=40_000)
BYTES = IMAGE.blobs[1]
BLOB = Digest.of(BYTES)


@pytest.fixture
async def repository(folder: Path, disk: Counting) -> Repository:
    """With the blobs of an image, and no recorded sizes."""
    driver = Inline(str(folder / "root"), disk=disk)
    world = World(driver, Ledger())
    for blob in IMAGE.blobs:
        await world.push_blob("team/app", blob)
    for path in (folder / "root/docker").rglob("data"):
        os.removexattr(path, "user.moorage.size")
    disk.reset()
    return Registry(Stock(driver)).repository("team/app")


def data(folder: Path) -> Path:
    return Path(f"{folder}/root{blob_data(BLOB)}")


def told(size: int) -> Image:
    """A manifest that tells another size of the layer than the image's own."""
    text = IMAGE.payload.decode().replace(f'"size": {len(BYTES)}', f'"size": {size}', 1)
    text = text.replace(f'"size":{len(BYTES)}', f'"size":{size}', 1)
    assert text.encode() != IMAGE.payload
    return Image(text.encode(), IMAGE.blobs)


async def put(repository: Repository, one: Image = IMAGE) -> None:
    await repository.manifests.put(parse(one.payload, one.media_type), [one.digest], [])


@pytest.mark.parametrize("harm", [BYTES[:20_000], BYTES + b"zzz", b"x"])
async def test_a_push_finds_a_blob_that_is_not_whole_and_brings_it_back(
    repository: Repository, folder: Path, harm: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    data(folder).write_bytes(harm)
    assert (await repository.blobs.stat(BLOB)).size == len(harm), "nobody has told another size"
    with pytest.raises(ManifestBlobUnknown) as raised:
        await put(repository)
    assert [one["detail"]["digest"] for one in raised.value.entries()] == [BLOB]
    (record,) = caplog.records
    assert record.message == "damaged blob: push it again to repair it"
    assert vars(record)["digest"] == BLOB
    assert f"has {len(harm)} bytes" in vars(record)["reason"]
    # A client asks before it sends, and any process may answer.
    for root in (repository.driver, FilesystemDriver(str(folder / "root"))):
        another = Registry(Stock(root)).repository("team/app")
        with pytest.raises(BlobUnknown):
            await another.blobs.stat(BLOB)
        with pytest.raises(BlobUnknown):
            await another.blobs.open(BLOB)
    await World(repository.driver, Ledger()).push_blob("team/app", BYTES)
    await put(repository)
    assert await repository.store.read(BLOB) == BYTES


async def test_a_manifest_that_tells_a_wrong_size_is_taken_and_the_blob_read_once(
    repository: Repository, disk: Counting, folder: Path
) -> None:
    """What sizes a manifest tells is the client's affair."""
    for size in (1, 2, 70_000):
        await put(repository, told(size))
        assert disk.calls["setxattr"] == (1 if size == 1 else 0)
        disk.reset()
    os.truncate(data(folder), 100)
    with pytest.raises(BlobUnknown):
        await repository.blobs.stat(BLOB)


async def test_blobs_of_the_size_that_the_manifest_tells_are_not_opened(
    repository: Repository, disk: Counting, folder: Path
) -> None:
    await put(repository)
    assert str(data(folder)) not in disk.opened


async def test_a_size_of_zero_tells_nothing(repository: Repository, disk: Counting, folder: Path) -> None:
    await put(repository, told(0))
    assert str(data(folder)) not in disk.opened


async def test_pushes_at_once_read_a_blob_once(repository: Repository, disk: Counting, folder: Path) -> None:
    await asyncio.gather(*(put(repository, told(size)) for size in range(1, 9)))
    assert disk.calls["setxattr"] == 1


async def test_an_index_may_name_a_blob_that_is_not_whole_no_more_than_an_image_may(
    repository: Repository, folder: Path
) -> None:
    payload = b'{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": ['
    payload += str(descriptor(BYTES, LAYER)).replace("'", '"').encode() + b"]}"
    data(folder).write_bytes(BYTES[:-1])
    with pytest.raises(ManifestBlobUnknown):
        await put(repository, Image(payload, (), media_type="application/vnd.oci.image.index.v1+json"))
