"""What the user of the registry may not write or list on a disk: the answer tells clients to give up, and the log names the place."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.brokendisk import REFUSED, WRITING, Broken, served, silent, with_disk
from tests.api.client import Client, application, serving
from tests.api.conftest import FILESYSTEM
from tests.api.pushing import push, put_manifest
from tests.contracts.disk import Failing
from tests.store.images import image

FIRST, SECOND = image("first"), image("second")


@pytest.fixture
async def refusing(tmp_path: Path) -> AsyncIterator[tuple[Client, Broken]]:
    disk = Broken(errno.EACCES)
    async with served(tmp_path, disk) as client:
        yield client, disk


@pytest.mark.parametrize("error", REFUSED)
async def test_a_disk_that_refuses_writes_is_405_as_a_store_that_does(
    refusing: tuple[Client, Broken], tmp_path: Path, caplog: pytest.LogCaptureFixture, error: int
) -> None:
    """A client repeats a request after a 503: it would do so for ever."""
    client, disk = refusing
    await push(client, "a", FIRST, "latest")
    opened = (await client("POST", "/v2/a/blobs/uploads/")).headers["location"]
    disk.error, disk.names, disk.armed = error, (*WRITING, "unlink", "rmdir"), True
    for method, target, body in (
        ("PATCH", opened, b"x"),
        ("POST", "/v2/a/blobs/uploads/", b""),
        ("POST", f"/v2/b/blobs/uploads/?mount={FIRST.digest}&from=a", b""),
        ("PUT", "/v2/a/manifests/other", FIRST.payload),
        ("DELETE", "/v2/a/manifests/latest", b""),
        ("DELETE", f"/v2/a/manifests/{FIRST.digest}", b""),
        ("DELETE", opened, b""),
    ):
        caplog.clear()
        answer = await client(method, target, body)
        assert (answer.status, answer.codes) == (405, ["UNSUPPORTED"]), f"{method} {target}: {answer.body!r}"
        assert answer.json["errors"][0]["message"] == "the registry may not write to its storage"
        assert "retry-after" not in answer.headers
        silent(answer, tmp_path)
        (told,) = [one for one in caplog.records if one.levelname == "ERROR"]
        assert told.message == "the storage refuses writes"
        assert str(vars(told)["reason"]).startswith(("/docker/registry/v2/", "/.moorage/"))
    assert (await client.get("/v2/a/manifests/latest")).body == FIRST.payload
    disk.armed = False
    assert (await put_manifest(client, "a", FIRST, "other")).status == 201


class Locked(Failing):
    """One folder may not be listed, or is another user's: nothing is changed below it."""

    def __init__(self, folder: str) -> None:
        super().__init__(0, errno.EACCES)
        self.folder = folder
        self.names: tuple[str, ...] = ()

    def before(self, name: str, args: tuple[object, ...]) -> None:
        path = str(args[1] if name == "rename" else args[0]) + "/"
        if self.armed and name in self.names and self.folder in path:
            raise OSError(self.error, os.strerror(self.error), args[0])


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[tuple[Client, Locked]]:
    disk = Locked("/repositories/zzz/")
    app = application(tmp_path, FILESYSTEM.format(root=tmp_path / "root"))
    async with serving(with_disk(app, disk)) as client:
        for name in ("aaa/b", "zzz", "zzz/c", "zzzz"):
            await push(client, name, FIRST, "latest")
        yield client, disk


async def test_a_repository_that_belongs_to_another_user_refuses_pushes_and_the_log_names_it(
    locked: tuple[Client, Locked], caplog: pytest.LogCaptureFixture
) -> None:
    client, disk = locked
    disk.names, disk.armed = ("mkdir", "rename", "unlink", "rmdir"), True
    for method, target, body in (
        ("PUT", "/v2/zzz/manifests/other", FIRST.payload),
        ("POST", "/v2/zzz/blobs/uploads/", b""),
        ("DELETE", "/v2/zzz/manifests/latest", b""),
    ):
        caplog.clear()
        answer = await client(method, target, body)
        assert (answer.status, answer.codes) == (405, ["UNSUPPORTED"])
        (reason,) = [str(vars(one)["reason"]) for one in caplog.records if one.levelname == "ERROR"]
        assert reason.startswith("/docker/registry/v2/repositories/zzz/")
        assert reason.endswith(": Permission denied")
    await push(client, "zzzz", SECOND, "other")
    assert (await client.get("/v2/zzz/manifests/latest")).body == FIRST.payload


async def test_the_catalog_leaves_out_a_folder_that_may_not_be_listed_and_the_log_names_it_once(
    locked: tuple[Client, Locked], caplog: pytest.LogCaptureFixture
) -> None:
    client, disk = locked
    assert (await client.get("/v2/_catalog")).json["repositories"] == ["aaa/b", "zzz", "zzz/c", "zzzz"]
    disk.names, disk.armed = ("listdir",), True
    for _ in range(2):
        assert (await client.get("/v2/_catalog")).json["repositories"] == ["aaa/b", "zzzz"]
        first = await client.get("/v2/_catalog?n=1")
        assert first.json["repositories"] == ["aaa/b"]
        assert (await client.get("/v2/_catalog?n=1&last=aaa/b")).json["repositories"] == ["zzzz"]
        assert (await client.get("/v2/_catalog?last=zzz/c")).json["repositories"] == ["zzzz"]
    (told,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert told.message == "a folder cannot be listed, so the catalog leaves it out"
    assert vars(told)["path"] == "/docker/registry/v2/repositories/zzz"
    assert vars(told)["reason"] == "Permission denied"
    # It is told again when it has been mended in between.
    for armed, count in ((False, 4), (True, 2)):
        disk.armed = armed
        assert len((await client.get("/v2/_catalog")).json["repositories"]) == count
    assert len([one for one in caplog.records if one.levelname == "ERROR"]) == 2


@pytest.mark.parametrize(
    ("folder", "error"), [("/repositories/zzz/", errno.EIO), ("/repositories/", errno.EACCES)]
)
async def test_the_catalog_is_503_when_the_disk_fails_or_nothing_may_be_listed(
    locked: tuple[Client, Locked], folder: str, error: int
) -> None:
    client, disk = locked
    disk.folder, disk.error, disk.names, disk.armed = folder, error, ("listdir",), True
    answer = await client.get("/v2/_catalog")
    assert (answer.status, answer.codes) == (503, ["UNAVAILABLE"])
