"""A storage tree filled through one registry, and what any registry has to answer from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.compat.cargo import Document, image, index, noise
from tests.compat.upload import push, push_blob
from tests.support.exchange import Answer, exchange
from tests.support.images import ACCEPT_ALL, digest_of

# What a client of either registry relies on. Both have to answer these alike, and Moorage may add others.
HEADERS = ("content-type", "content-length", "docker-content-digest", "etag")


@dataclass(frozen=True)
class Tree:
    """What is in it: `kept` maps a path below /v2/ to its bytes; `gone` are paths that have to be 404.

    `untagged` is the one kept manifest that neither a tag nor an index leads to.
    """

    kept: Mapping[str, bytes]
    gone: tuple[str, ...]
    tags: Mapping[str, list[str]]
    untagged: str
    alone: str


def fill(address: str) -> Tree:
    """Images of every format, a tag that moved, a tag and a manifest that were deleted, a mount, a blob alone."""
    kept: dict[str, bytes] = {}

    def keep(name: str, document: Document, *tags: str) -> None:
        push(address, name, document, *tags)
        kept.update(paths(name, document, tags))

    first, second = image("docker one", docker=True), image("docker two", docker=True, layers=3)
    keep("docker/image", first, "1", "also-1")
    keep("docker/image", second)
    keep("docker/image", index(first, second, docker=True), "list")
    third, fourth = image("oci one", docker=False), image("oci two", docker=False, layers=1)
    keep("oci/image", third)
    keep("oci/image", fourth)
    keep("oci/image", index(third, fourth, docker=False, annotations={"a": "b"}), "index")

    moved, settled = image("tag before", docker=True), image("tag after", docker=True)
    push(address, "docker/moved", moved, "tag")
    kept.update(paths("docker/moved", moved, ()))
    keep("docker/moved", settled, "tag")

    removed = image("removed", docker=False)
    push(address, "oci/removed", removed, "one", "two")
    answer = exchange(address, "DELETE", f"/v2/oci/removed/manifests/{removed.digest}")
    assert answer.status == 202, answer

    alone = push_blob(address, "blob/alone", noise("alone", 3000))
    push_blob(address, "blob/alone", b"")
    mount(address, "blob/mounted", first.blobs[1], "docker/image")
    kept[f"blob/mounted/blobs/{digest_of(first.blobs[1])}"] = first.blobs[1]
    return Tree(
        kept,
        gone=(
            f"oci/removed/manifests/{removed.digest}",
            "oci/removed/manifests/one",
            "docker/image/manifests/absent",
            f"docker/image/blobs/{alone}",
        ),
        tags={
            "docker/image": ["1", "also-1", "list"],
            "docker/moved": ["tag"],
            "oci/image": ["index"],
        },
        untagged=f"docker/moved/manifests/{moved.digest}",
        alone=alone,
    )


def paths(name: str, document: Document, tags: Iterable[str]) -> dict[str, bytes]:
    """Where a document and its blobs are found."""
    found = {f"{name}/manifests/{reference}": document.body for reference in (document.digest, *tags)}
    return found | {f"{name}/blobs/{digest_of(blob)}": blob for blob in document.blobs}


def mount(address: str, name: str, blob: bytes, source: str) -> None:
    target = f"/v2/{name}/blobs/uploads/?mount={digest_of(blob)}&from={source}"
    answer = exchange(address, "POST", target, body=b"")
    assert answer.status == 201, answer


def look(address: str, tree: Tree) -> dict[str, Answer]:
    """What the registry at `address` answers to HEAD and GET of all there is, checked against the bytes."""
    seen: dict[str, Answer] = {}
    for path, body in tree.kept.items():
        for method in ("HEAD", "GET"):
            answer = exchange(address, method, f"/v2/{path}", headers={"accept": ACCEPT_ALL})
            assert answer.status == 200, f"{method} {path}: {answer}"
            assert answer.body == (body if method == "GET" else b""), f"{method} {path}"
            kept = {header: answer.headers.get(header, "") for header in HEADERS}
            seen[f"{method} {path}"] = Answer(answer.status, kept, answer.body)
    for path in tree.gone:
        answer = exchange(address, "GET", f"/v2/{path}", headers={"accept": ACCEPT_ALL})
        assert answer.status == 404, f"GET {path}: {answer}"
    for name, tags in tree.tags.items():
        answer = exchange(address, "GET", f"/v2/{name}/tags/list")
        # In no order: version 2 of the reference lists tags as its file system does.
        assert sorted(json.loads(answer.body)["tags"]) == tags
    catalog = json.loads(exchange(address, "GET", "/v2/_catalog").body)["repositories"]
    assert set(tree.tags) <= set(catalog)
    return seen
