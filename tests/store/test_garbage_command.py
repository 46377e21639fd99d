"""The command `moorage garbage-collect` on real trees that the reference implementation wrote, served by it again."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.compat.cargo import Document, image, index
from tests.compat.upload import push
from tests.support.exchange import exchange
from tests.support.forking import command
from tests.support.images import ACCEPT_ALL, descriptor, stored_image
from tests.support.server import Server, moorage_server, reference_server, running
from tests.support.tools import require

AMD, ARM = image("amd64", docker=False), image("arm64", docker=False, layers=3)
LIST = index(AMD, ARM, docker=False)


@pytest.fixture
def reference(tmp_path: Path) -> Server:
    """Not yet started, so that a test can start it twice."""
    require("docker-registry")
    return reference_server(tmp_path / "reference", root=tmp_path / "tree")


def garbage_collect(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    config = moorage_server(tree.parent / "moorage", root=tree).command[-1]
    return command("garbage-collect", *options, config)


def push_all(address: str, name: str, document: Document, *children: Document, tag: str) -> None:
    for child in children:
        push(address, name, child)
    push(address, name, document, tag)


def delete(address: str, name: str, digest: str) -> None:
    answer = exchange(address, "DELETE", f"/v2/{name}/manifests/{digest}")
    assert answer.status == 202, answer


def status(address: str, name: str, reference: str) -> int:
    target = f"/v2/{name}/manifests/{reference}"
    return exchange(address, "GET", target, headers={"accept": ACCEPT_ALL}).status


def blobs(tree: Path) -> set[str]:
    return {path.parent.name for path in (tree / "docker/registry/v2/blobs").rglob("data")}


def test_a_child_deleted_in_one_repository_is_pulled_from_another(reference: Server) -> None:
    with running(reference) as server:
        for name in ("a/x", "b/x"):
            push_all(server.address, name, LIST, AMD, ARM, tag="v1")
        whole = stored_image(server.address, "b/x", "v1")
        delete(server.address, "a/x", ARM.digest)
    done = garbage_collect(reference.root, "--delete-untagged")
    assert done.returncode == 0, done.stderr
    with running(reference) as server:
        assert stored_image(server.address, "b/x", "v1") == whole
        assert status(server.address, "a/x", AMD.digest) == 200
        assert status(server.address, "a/x", ARM.digest) == 404


def test_what_is_untagged_goes_and_the_rest_is_pulled(reference: Server) -> None:
    subject = descriptor(AMD.media_type, AMD.body)
    signature = image("signature", docker=False, layers=1, subject=subject)
    gone, shared = image("gone", docker=True), image("child and tagged", docker=True)
    nested = index(LIST, docker=False)
    with running(reference) as server:
        push_all(server.address, "app", nested, AMD, ARM, LIST, tag="nested")
        push(server.address, "app", signature)
        push_all(server.address, "app", index(gone, shared, docker=True), gone, shared, tag="list")
        push(server.address, "app", shared, "shared", "list")
        push(server.address, "emptied", gone)
        before = {tag: stored_image(server.address, "app", tag) for tag in ("nested", "shared", "list")}
    done = garbage_collect(reference.root, "--delete-untagged", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["damaged_manifests"] == told["warnings"] == 0
    assert told["removed_repositories"] == ["emptied"]
    assert {one["digest"] for one in told["removed_manifests"]} >= {gone.digest}
    assert len(told["removed_manifests"]) == 3
    with running(reference) as server:
        for tag, content in before.items():
            assert stored_image(server.address, "app", tag) == content
        assert stored_image(server.address, "app", signature.digest)
        assert status(server.address, "app", gone.digest) == 404
        catalog = json.loads(exchange(server.address, "GET", "/v2/_catalog").body)
        assert catalog["repositories"] == ["app"]
        push_all(server.address, "app", index(gone, shared, docker=True), gone, shared, tag="again")
        assert stored_image(server.address, "app", "again")


def test_an_empty_link_is_repaired_by_serving_it_and_stops_no_collection(
    reference: Server, tmp_path: Path
) -> None:
    with running(reference) as server:
        push(server.address, "app", AMD, "latest")
        push(server.address, "app", ARM, "gone")
        whole = stored_image(server.address, "app", "latest")
        delete(server.address, "app", ARM.digest)
    revisions = reference.root / "docker/registry/v2/repositories/app/_manifests/revisions/sha256"
    link = revisions / AMD.digest.removeprefix("sha256:") / "link"
    link.write_bytes(b"")
    upload = reference.root / "docker/registry/v2/repositories/app/_uploads/orphan/hashstates/sha256/0"
    upload.parent.mkdir(parents=True)
    upload.write_bytes(b"state")
    done = garbage_collect(reference.root)
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if "level=warning" in line]
    assert len(warnings) == 1
    assert str(link).removeprefix(str(reference.root)) in warnings[0]
    assert len(blobs(reference.root)) == 1 + len(AMD.blobs)
    assert upload.exists()
    with running(moorage_server(tmp_path / "moorage", root=reference.root)) as server:
        assert stored_image(server.address, "app", "latest") == whole
    with running(reference) as server:
        assert stored_image(server.address, "app", "latest") == whole


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Written by Moorage: an image, and another one whose manifest was deleted."""
    server = moorage_server(tmp_path / "writer", root=tmp_path / "tree")
    with running(server):
        push(server.address, "app", AMD, "latest")
        push(server.address, "app", ARM, "gone")
        delete(server.address, "app", ARM.digest)
    return tmp_path / "tree"


def test_it_tells_what_it_removes_and_sums_up(tree: Path) -> None:
    would = garbage_collect(tree, "--dry-run")
    assert len(blobs(tree)) == 2 + len(AMD.blobs) + len(ARM.blobs)
    done = garbage_collect(tree)
    assert blobs(tree) == {AMD.digest[7:], *(digest[7:] for digest in blob_digests(AMD))}
    *lines, summary = done.stdout.splitlines()
    expected = {f"blob {digest} {size}" for digest, size in blob_digests(ARM).items()}
    assert set(lines) == expected | {f"blob {ARM.digest} {len(ARM.body)}"}
    assert would.stdout.splitlines()[:-1] == lines
    assert summary.startswith("1 repository, 1 manifest, ")
    assert "would be removed" in would.stdout
    assert "would be" not in done.stdout
    quiet = garbage_collect(tree, "--quiet").stdout.splitlines()
    assert len(quiet) == 1
    assert quiet[0].endswith("0 manifests and 0 blobs removed, 0 bytes freed")


def blob_digests(document: Document) -> dict[str, int]:
    manifest = json.loads(document.body)
    return {entry["digest"]: entry["size"] for entry in (manifest["config"], *manifest["layers"])}


def test_a_storage_that_contradicts_itself_is_exit_status_1_and_removes_nothing(tree: Path) -> None:
    before = blobs(tree)
    (tree / "docker/registry/v2/repositories/elsewhere").symlink_to("/nonexistent/elsewhere")
    done = garbage_collect(tree, "--delete-untagged")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert "nothing was removed" in done.stderr
    assert "/repositories/elsewhere" in done.stderr
    assert blobs(tree) == before


def test_a_storage_without_its_folder_of_repositories_is_exit_status_1_and_removes_nothing(
    tree: Path,
) -> None:
    before = blobs(tree)
    (tree / "docker/registry/v2/repositories").rename(tree / "aside")
    done = garbage_collect(tree)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert "nothing was removed: /docker/registry/v2/repositories is missing" in done.stderr
    assert blobs(tree) == before


def test_a_dry_run_writes_nothing(tree: Path) -> None:
    shutil.rmtree(tree / "moorage")
    shutil.rmtree(tree / ".moorage")
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    done = garbage_collect(tree, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "would be removed" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_collection_by_root_makes_nothing_that_the_owner_of_the_folder_could_not_use(tree: Path) -> None:
    shutil.rmtree(tree / "moorage")
    shutil.rmtree(tree / ".moorage")
    for path in (tree, *tree.rglob("*")):
        os.chown(path, 1234, 1234)
    done = garbage_collect(tree)
    assert done.returncode == 0, done.stderr
    assert (tree / "moorage/collected").exists()
    assert {(path.stat().st_uid, path.stat().st_gid) for path in tree.rglob("*")} == {(1234, 1234)}


def test_a_second_collection_is_refused_until_the_first_one_ends(tree: Path) -> None:
    lock = tree / "moorage/collection"
    lock.parent.mkdir(exist_ok=True)
    before = blobs(tree)
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = garbage_collect(tree)
        told = garbage_collect(tree, "--dry-run")
    assert refused.returncode == 1
    assert "another garbage collection is running" in refused.stderr
    assert told.returncode == 0
    assert blobs(tree) == before
    assert garbage_collect(tree).returncode == 0
    assert blobs(tree) < before


TAKES_PUSHES = "a registry serves this folder and takes pushes"


@pytest.mark.parametrize(("read_only", "warned"), [("false", True), ("true", False)])
def test_a_registry_that_takes_pushes_meanwhile_is_warned_of(
    tree: Path, read_only: str, warned: bool
) -> None:
    environment = {
        "REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED": "true",
        "REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED": read_only,
    }
    with running(moorage_server(tree.parent / "serving", root=tree, environment=environment)):
        assert (TAKES_PUSHES in garbage_collect(tree).stderr) is warned
        assert TAKES_PUSHES not in garbage_collect(tree, "--dry-run").stderr
    assert TAKES_PUSHES not in garbage_collect(tree).stderr
