"""The storage fails: the answer says so in the API's words, and nothing of the machine's."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moorage.api.endpoint import Endpoint
from moorage.api.exchange import Exchange
from moorage.api.observing import Observer, Outcome
from moorage.app import Application
from moorage.digest import Digest
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.threads import Threads
from moorage.names import Name
from moorage.store import layout
from tests.api.brokendisk import REFUSED, WRITING, Broken, served, silent
from tests.api.client import Client, application, serving
from tests.api.conftest import FILESYSTEM
from tests.api.pushing import push, put_manifest
from tests.store.images import image

FIRST, SECOND = image("first"), image("second")


@pytest.fixture
async def broken(tmp_path: Path) -> AsyncIterator[tuple[Client, Broken]]:
    disk = Broken(errno.EIO)
    async with served(tmp_path, disk) as client:
        logging.disable(logging.CRITICAL)
        yield client, disk
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
async def test_a_full_disk_is_507(broken: tuple[Client, Broken], tmp_path: Path, error: int) -> None:
    client, disk = broken
    await push(client, "a", FIRST, "latest")
    opened = (await client("POST", "/v2/a/blobs/uploads/")).headers["location"]
    disk.error, disk.names, disk.armed = error, WRITING, True
    for answer in (
        await client("PATCH", opened, b"x" * 100),
        await client("POST", "/v2/new/blobs/uploads/"),
        await put_manifest(client, "a", FIRST, "other"),
    ):
        assert (answer.status, answer.codes) == (507, ["DENIED"])
        assert "full" in answer.json["errors"][0]["message"]
        silent(answer, tmp_path)
    assert (await client.get("/v2/a/manifests/latest")).body == FIRST.payload
    disk.armed = False
    await push(client, "a", SECOND, "latest")
    assert (await client.get("/v2/a/manifests/latest")).body == SECOND.payload


async def test_a_disk_that_is_full_at_the_end_of_an_upload_keeps_nothing_of_it(
    broken: tuple[Client, Broken], tmp_path: Path
) -> None:
    client, disk = broken
    opened = (await client("POST", "/v2/a/blobs/uploads/")).headers["location"]
    sent = (await client("PATCH", opened, b"x" * 100)).headers["location"]
    disk.error, disk.names, disk.armed = errno.ENOSPC, ("write",), True
    answer = await client("PUT", f"{sent}&digest={Digest.of(b'x' * 100)}")
    assert (answer.status, answer.codes) == (507, ["DENIED"])
    assert not [path for path in (tmp_path / "root").rglob("data") if path.is_file()]
    disk.armed = False
    assert (await client.get(sent)).status == 404


@pytest.mark.parametrize("error", [errno.EIO, errno.EMFILE, errno.ESTALE, *REFUSED])
async def test_a_failing_disk_is_503(broken: tuple[Client, Broken], tmp_path: Path, error: int) -> None:
    client, disk = broken
    await push(client, "a", FIRST, "latest")
    opened = (await client("POST", "/v2/a/blobs/uploads/")).headers["location"]
    digest = FIRST.digest
    disk.error, disk.names, disk.armed = error, ("open", "stat", "listdir", *WRITING), True
    reading = [
        ("GET", "/v2/a/manifests/latest", b""),
        ("HEAD", f"/v2/a/manifests/{digest}", b""),
        ("GET", f"/v2/a/blobs/{digest}", b""),
        ("GET", "/v2/a/tags/list", b""),
        ("GET", "/v2/_catalog", b""),
        ("GET", f"/v2/a/referrers/{digest}", b""),
        ("GET", opened, b""),
    ]
    changing = [
        ("PATCH", opened, b"x"),
        ("PUT", f"{opened}&digest={digest}", b"x"),
        ("POST", "/v2/a/blobs/uploads/", b""),
        ("PUT", "/v2/a/manifests/latest", FIRST.payload),
        ("DELETE", "/v2/a/manifests/latest", b""),
        ("DELETE", f"/v2/a/manifests/{digest}", b""),
        ("DELETE", f"/v2/a/blobs/{digest}", b""),
        ("DELETE", opened, b""),
    ]
    for method, target, body in reading if error in REFUSED else reading + changing:
        answer = await client(method, target, body)
        assert answer.status == 503, f"{method} {target}: {answer.status} {answer.body!r}"
        assert int(answer.headers["retry-after"]) > 0
        if method != "HEAD":
            assert answer.codes == ["UNAVAILABLE"]
        silent(answer, tmp_path)
    disk.armed = False
    assert (await client.get("/v2/a/manifests/latest")).body == FIRST.payload


async def test_a_system_without_room_for_a_thread_is_503(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No limit of processes holds for root, so that the refusal is the one thing here that is not real."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    app = application(tmp_path, FILESYSTEM.format(root=tmp_path / "root"))
    driver = cast(FilesystemDriver, app._driver)
    async with serving(app) as client:
        # The pool of the start has a thread already.
        driver._threads.close()
        driver._threads = Threads(1)
        driver._threaded = driver._threads.call
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", refuse)
            answer = await client("POST", "/v2/a/blobs/uploads/")
        assert (answer.status, answer.codes) == (503, ["UNAVAILABLE"])
        assert int(answer.headers["retry-after"]) > 0
        assert (await client("POST", "/v2/a/blobs/uploads/")).status == 202


async def test_a_repair_that_cannot_be_written_does_not_stop_the_answer(
    broken: tuple[Client, Broken], tmp_path: Path
) -> None:
    """A torn link on a disk that is mounted read-only."""
    client, disk = broken
    await push(client, "a", FIRST, "latest")
    links = [path for path in (tmp_path / "root").rglob("link") if "index" not in path.parts]
    assert len(links) > 3
    for path in links:
        path.write_bytes(b"")
    disk.error, disk.names, disk.armed = errno.EROFS, (*WRITING, "unlink"), True
    assert (await client.get("/v2/a/manifests/latest")).body == FIRST.payload
    assert (await client.get(f"/v2/a/referrers/{FIRST.digest}")).status == 200


async def test_a_disk_that_fails_in_the_middle_breaks_the_answer(broken: tuple[Client, Broken]) -> None:
    client, disk = broken
    large = image("large", size=2 << 20)
    await push(client, "a", large)
    disk.error, disk.names, disk.armed = errno.EIO, ("preadv",), True
    answer = await client.get(f"/v2/a/blobs/{Digest.of(large.blobs[1])}")
    assert not answer.complete, "a part was sent as if it were the whole"
    disk.armed = False
    assert (await client.get(f"/v2/a/blobs/{Digest.of(large.blobs[1])}")).body == large.blobs[1]


# What is not a file where a file should be, and files that are not whole.

LAYER = FIRST.blobs[1]
DATA = layout.blob_data(Digest.of(LAYER))


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Client]:
    async with serving(application(tmp_path, FILESYSTEM.format(root=tmp_path / "root"))) as client:
        yield client


def a_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def on_another_disk(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The reasons of failures of the storage that the log tells since the last look."""
    found = [str(vars(one)["reason"]) for one in caplog.records if one.message == "storage failed"]
    assert all(one.levelname == "ERROR" for one in caplog.records)
    caplog.clear()
    return found


@pytest.mark.parametrize(
    ("put", "told"),
    [(a_folder, "is a folder"), (a_pipe, "is a pipe"), (on_another_disk, "is a symbolic link")],
)
async def test_what_is_there_and_is_no_file_is_a_failure_of_the_storage_that_the_log_names(
    plain: Client,
    tmp_path: Path,
    put: Callable[[Path], None],
    told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is not 404: a client would send it again for ever."""
    await push(plain, "a", FIRST, "latest")
    await push(plain, "b", SECOND, "latest")
    put(Path(f"{tmp_path}/root{DATA}"))
    for method, target, body in (
        ("HEAD", f"/v2/a/blobs/{Digest.of(LAYER)}", b""),
        ("GET", f"/v2/a/blobs/{Digest.of(LAYER)}", b""),
        ("PUT", "/v2/a/manifests/latest", FIRST.payload),
    ):
        answer = await plain(method, target, body)
        assert answer.status == 503, f"{method} {target}: {answer.status} {answer.body!r}"
        if method != "HEAD":
            silent(answer, tmp_path)
        (reason,) = failures(caplog)
        assert reason.startswith(f"{DATA}: {told}")
    assert (await plain.get("/v2/a/manifests/latest")).body == FIRST.payload
    assert (await plain.get(f"/v2/b/blobs/{Digest.of(SECOND.blobs[1])}")).body == SECOND.blobs[1]


@pytest.mark.parametrize(
    "place", [layout.revision_link(Name("a"), FIRST.digest), layout.blob_data(FIRST.digest)]
)
async def test_a_manifest_that_a_folder_keeps_from_being_written_names_the_folder(
    plain: Client, tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    await push(plain, "a", FIRST, "latest")
    a_folder(Path(f"{tmp_path}/root{place}"))
    answer = await put_manifest(plain, "a", FIRST, "latest")
    assert (answer.status, answer.codes) == (503, ["UNAVAILABLE"])
    assert failures(caplog) == [f"{place}: is a folder where a file should be"]
    Path(f"{tmp_path}/root{place}").rmdir()
    assert (await put_manifest(plain, "a", FIRST, "latest")).status == 201


@pytest.mark.parametrize("place", [DATA, layout.layer_link(Name("a"), Digest.of(LAYER))])
@pytest.mark.parametrize("above", [False, True])
async def test_an_upload_that_something_keeps_from_its_place_can_be_completed_when_it_is_removed(
    plain: Client, tmp_path: Path, place: str, *, above: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Its client is not told that the upload is unknown: it would begin another one, for ever."""
    obstacle = Path(f"{tmp_path}/root{place}")
    obstacle.parent.parent.mkdir(parents=True)
    if above:
        obstacle = obstacle.parent
        obstacle.write_bytes(b"")
        told = f"{place.rpartition('/')[0]}: is a file where a folder should be"
    else:
        obstacle.mkdir(parents=True)
        told = f"{place}: is a folder where a file should be"
    opened = (await plain("POST", "/v2/a/blobs/uploads/")).headers["location"]
    sent = (await plain("PATCH", opened, LAYER)).headers["location"]
    for _ in range(2):
        answer = await plain("PUT", f"{sent}&digest={Digest.of(LAYER)}")
        assert (answer.status, answer.codes) == (503, ["UNAVAILABLE"])
        assert failures(caplog) == [told]
    if above:
        obstacle.unlink()
    else:
        obstacle.rmdir()
    assert (await plain("PUT", f"{sent}&digest={Digest.of(LAYER)}")).status == 201
    assert (await plain.get(f"/v2/a/blobs/{Digest.of(LAYER)}")).body == LAYER


async def test_pushing_again_repairs_a_blob_that_another_program_left_cut_off(
    plain: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As clients push: what the registry says it has is not sent."""
    await push(plain, "a", FIRST, "latest")
    file = Path(f"{tmp_path}/root{DATA}")
    file.unlink()
    file.write_bytes(LAYER[:50])
    target = f"/v2/a/blobs/{Digest.of(LAYER)}"
    assert (await plain("HEAD", target)).status == 200
    answer = await put_manifest(plain, "a", FIRST, "latest")
    assert (answer.status, answer.codes) == (400, ["MANIFEST_BLOB_UNKNOWN"])
    assert str(Digest.of(LAYER)) in answer.body.decode()
    assert [one.message for one in caplog.records] == ["damaged blob: push it again to repair it"]
    assert (await plain("HEAD", target)).status == (await plain.get(target)).status == 404
    await push(plain, "a", FIRST, "latest")
    assert (await plain.get(target)).body == LAYER


class Outcomes:
    """An observer that keeps how requests ended."""

    def __init__(self, client: Client) -> None:
        self.found: list[Outcome] = []
        endpoint = cast(Endpoint, cast(Application, client.app)._endpoint)
        cast(list[Observer], endpoint._observers).append(self)

    def begun(self, exchange: Exchange) -> None:
        return

    def ended(self, exchange: Exchange, outcome: Outcome) -> None:
        self.found.append(outcome)


async def test_an_answer_that_the_storage_cut_off_is_recorded_as_an_error_with_the_bytes_that_were_sent(
    broken: tuple[Client, Broken],
) -> None:
    client, disk = broken
    large = image("large", size=2 << 20)
    await push(client, "a", large)
    outcomes = Outcomes(client)
    disk.error, disk.names, disk.after_calls = errno.EIO, ("preadv",), 3
    disk.armed = True
    answer = await client.get(f"/v2/a/blobs/{Digest.of(large.blobs[1])}")
    assert not answer.complete
    (outcome,) = outcomes.found
    assert (answer.status, outcome.status) == (200, 500)
    assert 0 < outcome.sent == len(answer.body) < len(large.blobs[1])


def leaving(app: ASGIApp) -> ASGIApp:
    """The app, for a client that leaves when it has the first bytes."""

    async def call(scope: Scope, _: Receive, send: Send) -> None:
        left = asyncio.Event()

        async def receive() -> Message:
            await left.wait()
            return {"type": "http.disconnect"}

        async def sent(message: Message) -> None:
            await send(message)
            if message.get("body"):
                left.set()

        await app(scope, receive, sent)

    return call


async def test_of_a_download_that_the_client_left_the_bytes_that_were_sent_are_recorded(
    broken: tuple[Client, Broken],
) -> None:
    client, _ = broken
    large = image("large", size=2 << 20)
    await push(client, "a", large)
    outcomes = Outcomes(client)
    answer = await Client(leaving(client.app)).get(f"/v2/a/blobs/{Digest.of(large.blobs[1])}")
    (outcome,) = outcomes.found
    assert outcome.status == 499
    assert 0 < outcome.sent == len(answer.body) < len(large.blobs[1])


async def test_what_nobody_foresaw_is_500_without_its_text(
    memory: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr("moorage.drivers.inmemory.InMemoryDriver.read", fail)
    answer = await memory.get("/v2/a/manifests/latest")
    assert (answer.status, answer.codes) == (500, ["UNKNOWN"])
    assert b"secret" not in answer.body
    assert answer.json["errors"][0]["detail"] == {"request": answer.headers["x-request-id"]}
