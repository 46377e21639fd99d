"""Trees that the reference implementation wrote, and left damaged: copied, checked, repaired, collected and served."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.compat.cargo import Document, image
from tests.compat.tree import Tree, fill, look
from tests.compat.upload import push
from tests.stores.commands import checked, copied, on_disk
from tests.support import forking
from tests.support.exchange import exchange
from tests.support.images import digest_of, stored_image
from tests.support.server import Server, moorage_server, reference_server, running
from tests.support.tools import require

REGISTRY = "docker/registry/v2"
WHOLE, HALF, MOVED, OLD = (image(name, docker=True) for name in ("whole", "half", "moved", "old"))


@pytest.fixture
def reference(tmp_path: Path) -> Iterator[Server]:
    require("docker-registry")
    with running(reference_server(tmp_path / "reference", root=tmp_path / "tree")) as server:
        yield server


def test_a_tree_of_the_reference_is_copied_and_both_serve_the_copy(reference: Server, tmp_path: Path) -> None:
    tree: Tree = fill(reference.address)
    before = look(reference.address, tree)
    source = on_disk(tmp_path / "source.yml", tmp_path / "tree")
    target = on_disk(tmp_path / "target.yml", tmp_path / "copy")
    assert copied(source, target)["findings"] == []
    assert checked(target)["findings"] == []
    for server in (
        moorage_server(tmp_path / "moorage", root=tmp_path / "copy"),
        reference_server(tmp_path / "again", root=tmp_path / "copy"),
    ):
        with running(server):
            assert look(server.address, tree) == before


def hexadecimal(document: Document) -> str:
    return document.digest.removeprefix("sha256:")


def test_what_crashes_of_the_reference_left_is_told_repaired_and_the_rest_is_served(
    reference: Server, tmp_path: Path
) -> None:
    for document, tag in ((WHOLE, "whole"), (HALF, "half"), (OLD, "moved"), (MOVED, "moved")):
        push(reference.address, "app", document, tag)
    pulled = {tag: stored_image(reference.address, "app", tag) for tag in ("whole", "moved")}
    damage(tmp_path / "tree")
    config = on_disk(tmp_path / "config.yml", tmp_path / "tree")
    kinds = [
        "corrupt-blob",
        "dangling-layer-link",
        "missing-blob",
        "stray-upload",
        "torn-link",
        "torn-link",
        "torn-tag",
    ]
    assert sorted(one["kind"] for one in checked(config, status=1)["findings"]) == kinds
    repaired = checked(config, "--repair", status=1)
    assert sorted(one["kind"] for one in repaired["findings"] if not one["repaired"]) == [
        "missing-blob",
        "stray-upload",
    ]
    serves_what_is_whole(tmp_path, pulled)
    done = forking.command("garbage-collect", str(config))
    assert done.returncode == 0, done.stderr
    assert [one["kind"] for one in checked(config, status=1)["findings"]] == ["stray-upload"]


def damage(tree: Path) -> None:
    """Empty links of each kind, a blob without bytes, a link to one that was collected, an upload that nobody ended."""
    app = tree / REGISTRY / "repositories/app"
    revisions, tags = app / "_manifests/revisions/sha256", app / "_manifests/tags"
    links = [
        revisions / hexadecimal(WHOLE) / "link",
        app / "_layers/sha256" / digest_of(WHOLE.blobs[0])[7:] / "link",
        tags / "moved/current/link",
    ]
    gone = app / "_layers/sha256" / ("ab" * 32) / "link"
    gone.parent.mkdir()
    gone.write_text("sha256:" + "ab" * 32)
    layer = digest_of(HALF.blobs[1])[7:]
    for path in (*links, tree / REGISTRY / f"blobs/sha256/{layer[:2]}/{layer}/data"):
        path.write_bytes(b"")
    upload = app / "_uploads/6e0a7a0e-0000-4000-8000-000000000000"
    (upload / "hashstates/sha256").mkdir(parents=True)
    (upload / "hashstates/sha256/0").write_bytes(b"state")
    (upload / "data").write_bytes(b"half a layer")
    (upload / "startedat").write_text("2020-01-01T00:00:00Z")
    old = time.time() - 30 * 86400
    for path in (upload / "data", upload / "startedat"):
        os.utime(path, (old, old))


def serves_what_is_whole(tmp_path: Path, pulled: Mapping[str, object]) -> None:
    """And takes the rest from a client that pushes it again."""
    with running(moorage_server(tmp_path / "moorage", root=tmp_path / "tree")) as server:
        for tag, content in pulled.items():
            assert stored_image(server.address, "app", tag) == content
        layer = digest_of(HALF.blobs[1])
        assert exchange(server.address, "HEAD", f"/v2/app/blobs/{layer}").status == 404
        push(server.address, "app", HALF, "half")
        assert stored_image(server.address, "app", "half")
