"""`moorage storage copy` between a disk and an object store, as an operator runs it."""

from __future__ import annotations

import os
import pty
import random
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.images import Image, digest_of, make_image
from tests.stores.bucket import Bucket
from tests.stores.commands import checked, copied, in_bucket, on_disk, storage
from tests.stores.server import SECRET, store_server
from tests.support.objectstores import S3
from tests.support.server import Server, moorage_command, moorage_server, running
from tests.support.storeproxy import StoreProxy, proxying
from tests.support.terminal import everything

NAME = "team/app"
WAIT_SECONDS = 30.0


@pytest.fixture
def root() -> str:
    return f"copies/{secrets.token_hex(6)}"


IMAGES = [make_image(random.Random(seed), layer_bytes=20_000) for seed in range(8)]
BLOBS = 1 + 3 * len(IMAGES)
FIRST_CALLS = 30
"""So many that some blobs are there, and so few that others are not."""
"""One layer is that of all."""


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a registry that has the images under the tags 0, 1, …"""
    folder = tmp_path_factory.mktemp("pushed")
    with running(moorage_server(folder, root=folder / "root")) as server, Client(server.port) as client:
        for number, image in enumerate(IMAGES):
            client.push(NAME, str(number), image)
    return folder / "root"


@pytest.fixture
def disk(pushed: Path, tmp_path: Path) -> Path:
    """A configuration of a storage of the test's own, with the images."""
    return on_disk(tmp_path / "disk.yml", shutil.copytree(pushed, tmp_path / "disk"))


def serves(server: Server, images: list[Image]) -> None:
    with running(server), Client(server.port) as client:
        for number, image in enumerate(images):
            assert client.fault_in(NAME, str(number), image) == ""


def files(root: Path) -> dict[str, bytes]:
    """What a copy is about: not the mark that all referrers are known, nor what belongs to one place."""
    found = {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in found.items()
        if name.startswith("docker/") and not name.endswith("/complete")
    }


def test_a_registry_moves_from_a_disk_to_a_store_and_back(
    moto_store: S3, disk: Path, root: str, tmp_path: Path
) -> None:
    # More than a part, so that it is sent in several.
    large = make_image(random.Random(-1), layer_bytes=11 << 20)
    images = [*IMAGES, large]
    with (
        running(moorage_server(tmp_path / "more", root=tmp_path / "disk")) as server,
        Client(server.port) as client,
    ):
        client.push(NAME, str(len(IMAGES)), large)
    bucket = in_bucket(tmp_path / "bucket.yml", moto_store, root)
    report = copied(disk, bucket)
    assert report["findings"] == []
    assert (report["copied_blobs"], report["written_tags"]) == (BLOBS + 3, len(images))
    serves(store_server(tmp_path / "server", moto_store, root=root, secret=SECRET), images)
    back = on_disk(tmp_path / "back.yml", tmp_path / "back")
    done = storage("copy", "--from", bucket, "--to", back)
    assert done.stdout.startswith(f"1 repository; {BLOBS + 3} blobs with ")
    assert files(tmp_path / "back") == files(tmp_path / "disk")
    assert not (tmp_path / "back/moorage/copying").exists()


def start(source: Path, target: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        moorage_command("storage", "copy", "--from", str(source), "--to", str(target), "--quiet"),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_when(process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.poll() is None, "it ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def sent(proxy: StoreProxy) -> list[str]:
    """The blobs that were sent whole, or in parts."""
    return [
        call.path.split("/")[-2]
        for call in proxy.calls
        if call.method == "PUT" and call.path.endswith("/data")
    ]


def stored(store: S3, root: str) -> set[str]:
    """The blobs that are there."""
    return {name.split("/")[-2] for name in Bucket(store, root).names("docker/registry/v2/blobs/")}


def test_a_copy_into_a_store_that_is_killed_goes_on_where_it_was(
    moto_store: S3, disk: Path, root: str, tmp_path: Path
) -> None:
    with proxying(moto_store.endpoint) as proxy:
        bucket = in_bucket(tmp_path / "bucket.yml", replace(moto_store, endpoint=proxy.endpoint), root)
        with proxy.holding(FIRST_CALLS) as reached:
            # What passed may still be on its way into the store when the first one is held.
            kill_when(start(disk, bucket), lambda: reached.is_set() and bool(stored(moto_store, root)))
            there = stored(moto_store, root)
        assert 0 < len(there) < BLOBS
        proxy.calls.clear()
        report = copied(disk, bucket)
        assert there.isdisjoint(sent(proxy))
        # What was on its way when the process died may have arrived since.
        assert report["present_blobs"] >= len(there)
        assert len(sent(proxy)) == report["copied_blobs"] == BLOBS - report["present_blobs"]
    serves(store_server(tmp_path / "server", moto_store, root=root, secret=SECRET), IMAGES)


@pytest.mark.soak
def test_a_copy_onto_a_disk_that_is_killed_goes_on_where_it_was(
    moto_store: S3, disk: Path, root: str, tmp_path: Path
) -> None:
    copied(disk, in_bucket(tmp_path / "bucket.yml", moto_store, root))
    folder = tmp_path / "target"
    target = on_disk(tmp_path / "target.yml", folder)
    with proxying(moto_store.endpoint) as proxy:
        slow = in_bucket(tmp_path / "slow.yml", replace(moto_store, endpoint=proxy.endpoint), root)
        proxy.latency_seconds = 0.3
        kill_when(start(slow, target), lambda: len(blobs(folder)) > 3)
    before = blobs(folder)
    # As if it had died in the middle of a blob.
    (folder / "moorage/copying").mkdir(parents=True, exist_ok=True)
    (folder / "moorage/copying" / ("0" * 64)).write_bytes(b"half")
    report = copied(tmp_path / "bucket.yml", target)
    assert report["present_blobs"] == len(before)
    after = blobs(folder)
    assert {path: after[path] for path in before} == before
    assert not (folder / "moorage/copying").exists()
    serves(moorage_server(tmp_path / "server", root=folder), IMAGES)


def blobs(root: Path) -> dict[str, int]:
    """Their inodes: what is sent again has another one."""
    return {str(path): path.stat().st_ino for path in (root / "docker").rglob("data")}


def test_copies_while_images_are_pushed_are_whole(
    moto_store: S3, disk: Path, root: str, tmp_path: Path
) -> None:
    bucket = in_bucket(tmp_path / "bucket.yml", moto_store, root)
    stop, images = threading.Event(), list(IMAGES)
    with running(moorage_server(tmp_path / "server", root=tmp_path / "disk")) as server:

        def go_on() -> None:
            source = random.Random(9)
            with Client(server.port) as client:
                while not stop.wait(0.1):
                    image = make_image(source)
                    client.push(NAME, str(len(images)), image)
                    client.put_manifest(NAME, "newest", image)
                    images.append(image)

        pushing = threading.Thread(target=go_on)
        pushing.start()
        try:
            report = copied(disk, bucket)
        finally:
            stop.set()
            pushing.join()
        assert report["findings"] == []
        assert checked(bucket)["findings"] == []
        assert len(IMAGES) <= report["written_tags"]
        assert len(IMAGES) < len(images)
        copied(disk, bucket)
    serves(store_server(tmp_path / "served", moto_store, root=root, secret=SECRET), images)


def test_a_damaged_blob_is_one_line_and_exit_status_1(disk: Path, tmp_path: Path) -> None:
    bad = digest_of(IMAGES[0].blobs[2])[7:]
    path = tmp_path / f"disk/docker/registry/v2/blobs/sha256/{bad[:2]}/{bad}/data"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    target = on_disk(tmp_path / "target.yml", tmp_path / "target")
    done = storage("copy", "--from", disk, "--to", target, status=1)
    first, *others, summary = done.stdout.splitlines()
    assert first.startswith(f"damaged-blob /docker/registry/v2/blobs/sha256/{bad[:2]}/{bad}/data: its bytes ")
    assert len(others) == 2
    assert summary.endswith("; 3 things could not be copied")
    assert "moorage: copying repositories: 0 of 1" in done.stderr.splitlines()
    assert storage("copy", "--from", disk, "--to", target, "--quiet", status=1).stderr == ""
    with (
        running(moorage_server(tmp_path / "server", root=tmp_path / "target")) as server,
        Client(server.port) as client,
    ):
        assert client.fault_in(NAME, "1", IMAGES[1]) == ""
        client.expect(404, "GET", f"/v2/{NAME}/manifests/0")


def test_progress_is_a_bar_on_a_terminal(disk: Path, tmp_path: Path) -> None:
    target = on_disk(tmp_path / "target.yml", tmp_path / "target")
    ours, theirs = pty.openpty()
    done = subprocess.run(
        moorage_command("storage", "copy", "--from", str(disk), "--to", str(target)),
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
        timeout=60,
        check=True,
    )
    os.close(theirs)
    shown = everything(ours).decode()
    os.close(ours)
    assert "copying repositories" in shown
    assert "━" in shown
    assert done.stdout.count(b"\n") == 1


def test_what_cannot_be_copied_is_refused_in_one_line(disk: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(tmp_path / "disk")
    same = on_disk(tmp_path / "same.yml", tmp_path / "other")
    empty = on_disk(tmp_path / "empty.yml", tmp_path / "empty")
    for source, target, reason in (
        (disk, same, "source and target are the same storage"),
        (empty, disk, "there is no registry at the source"),
    ):
        said = storage("copy", "--from", source, "--to", target, status=2).stderr.splitlines()
        assert reason in said[-1]
        assert said[-1].startswith("moorage: ")


def test_a_bucket_is_the_same_however_its_place_is_written(moto_store: S3, tmp_path: Path) -> None:
    source = in_bucket(tmp_path / "source.yml", moto_store, "copies/a//b/")
    written_otherwise = replace(moto_store, endpoint=f"{moto_store.endpoint}/")
    target = in_bucket(tmp_path / "target.yml", written_otherwise, "/copies/a/b")
    said = storage("copy", "--from", source, "--to", target, status=2).stderr
    assert "source and target are the same storage" in said
