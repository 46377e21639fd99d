"""Moorage and the reference implementation taking turns on one storage tree."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.compat.cargo import image
from tests.compat.tree import Tree, fill, look, paths
from tests.compat.upload import push
from tests.support import forking
from tests.support.exchange import exchange
from tests.support.images import references
from tests.support.server import Server, moorage_server, reference_server, running
from tests.support.tools import require

START: dict[str, Callable[[Path, Path], Server]] = {
    "moorage": lambda folder, root: moorage_server(folder, root=root),
    "reference": lambda folder, root: reference_server(folder, root=root),
}
BOTH_WAYS = pytest.mark.parametrize(
    ("writer", "reader"), [("reference", "moorage"), ("moorage", "reference")]
)


@pytest.fixture(autouse=True)
def reference() -> None:
    require("docker-registry")


def start(name: str, folder: Path) -> Server:
    """A registry of either kind on the tree below `folder`, not yet started."""
    return START[name](folder / name, folder / "tree")


def collect_garbage(name: str, folder: Path, *options: str) -> None:
    """The registry's own garbage collection, run while no server is."""
    config = str(start(name, folder).command[-1])
    arguments = ["garbage-collect", *options, config]
    done = (
        forking.command(*arguments)
        if name == "moorage"
        else subprocess.run(["docker-registry", *arguments], check=False, capture_output=True, text=True)
    )
    assert done.returncode == 0, f"{name} garbage-collect failed:\n{done.stdout}{done.stderr}"


@BOTH_WAYS
def test_what_one_registry_wrote_the_other_serves_the_same(writer: str, reader: str, tmp_path: Path) -> None:
    with running(start(writer, tmp_path)) as server:
        tree = fill(server.address)
        expected = look(server.address, tree)
    with running(start(reader, tmp_path)) as server:
        seen = look(server.address, tree)
    assert seen == expected


@BOTH_WAYS
def test_the_two_can_take_turns_on_a_tree(writer: str, reader: str, tmp_path: Path) -> None:
    with running(start(writer, tmp_path)) as server:
        tree = fill(server.address)
    second = image("second turn", docker=False)
    with running(start(reader, tmp_path)) as server:
        push(server.address, "docker/moved", second, "tag", "new")
        alone = f"blob/alone/blobs/{tree.alone}"
        deleted = exchange(server.address, "DELETE", f"/v2/{alone}")
        assert deleted.status == 202, deleted
    changed = replace(
        tree,
        kept={**tree.kept, **paths("docker/moved", second, ("tag", "new"))},
        gone=(*tree.gone, alone),
        tags={**tree.tags, "docker/moved": ["new", "tag"]},
    )
    with running(start(writer, tmp_path)) as server:
        expected = look(server.address, changed)
    with running(start(reader, tmp_path)) as server:
        assert look(server.address, changed) == expected


@BOTH_WAYS
def test_garbage_collection_of_one_leaves_the_tree_of_the_other_whole(
    writer: str, reader: str, tmp_path: Path
) -> None:
    with running(start(writer, tmp_path)) as server:
        tree = fill(server.address)
    assert tree.alone in blobs(tmp_path)
    collect_garbage(reader, tmp_path)
    assert tree.alone not in blobs(tmp_path)
    for name in (writer, reader):
        with running(start(name, tmp_path)) as server:
            look(server.address, tree)


def test_moorage_removes_untagged_manifests_from_a_tree_of_the_reference(tmp_path: Path) -> None:
    """One way only: the reference's own option removes the children of tagged lists in its version 2."""
    with running(start("reference", tmp_path)) as server:
        tree = fill(server.address)
    collect_garbage("moorage", tmp_path, "--delete-untagged")
    tagged = {path: body for path, body in tree.kept.items() if path not in only_untagged(tree)}
    assert len(tagged) < len(tree.kept)
    expected = replace(tree, kept=tagged, gone=(*tree.gone, tree.untagged))
    for name in ("reference", "moorage"):
        with running(start(name, tmp_path)) as server:
            look(server.address, expected)


@BOTH_WAYS
def test_both_find_the_same_garbage_in_a_tree(writer: str, reader: str, tmp_path: Path) -> None:
    left = {}
    for collector in (writer, reader):
        folder = tmp_path / collector
        with running(start(writer, folder)) as server:
            fill(server.address)
        collect_garbage(collector, folder)
        left[collector] = blobs(folder)
    assert left[writer] == left[reader]


def blobs(folder: Path) -> set[str]:
    """Digests of all content in the tree below `folder`."""
    content = folder / "tree" / "docker" / "registry" / "v2" / "blobs" / "sha256"
    return {f"sha256:{data.parent.name}" for data in content.glob("*/*/data")}


def only_untagged(tree: Tree) -> set[str]:
    """Paths of the untagged manifest and of its blobs."""
    name = tree.untagged.split("/manifests/")[0]
    children = references(json.loads(tree.kept[tree.untagged]))
    return {tree.untagged} | {f"{name}/{kind}/{digest}" for kind, digest in children}
