"""Manifests that the reference takes and Moorage would refuse: served from its tree all the same, and never collected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from moorage.manifest import OCI_INDEX, OCI_MANIFEST
from tests.compat.upload import push_blob
from tests.store.test_manifests import LAST, NO_SIZE, STORED, of_image, text
from tests.support import forking
from tests.support.exchange import exchange
from tests.support.images import ACCEPT_ALL, digest_of
from tests.support.server import moorage_server, reference_server, running
from tests.support.tools import require

LAYER = {"mediaType": "application/x", "digest": digest_of(LAST), "size": len(LAST)}
ODD = {
    **STORED,
    "no-size": (of_image(layers=[NO_SIZE]), OCI_MANIFEST),
    "no-media-type": (of_image(layers=[{"digest": digest_of(b"{}"), "size": 2}]), OCI_MANIFEST),
    "null-size": (of_image(layers=[{**NO_SIZE, "size": None}]), OCI_MANIFEST),
    "null-annotation": (of_image(annotations={"a": None}), OCI_MANIFEST),
    "null-layers": (of_image(layers=None), OCI_MANIFEST),
    "null-index": (text(mediaType=OCI_INDEX, manifests=None), OCI_INDEX),
    "layers-that-only-go-sees": (of_image(Layers=[LAYER]), OCI_MANIFEST),
}
# Pushed as an index, and served as an image: the reference keeps no Content-Type.
PUSHED_AS = {"untyped-nothing": OCI_INDEX, "untyped-null-type": OCI_INDEX, "empty-type-nothing": OCI_INDEX}


def test_what_the_reference_took_is_served_the_same_by_both_also_after_a_collection(tmp_path: Path) -> None:
    require("docker-registry")
    root = tmp_path / "tree"
    with running(reference_server(tmp_path / "reference", root=root)) as server:
        for blob in (b"{}", LAST):
            push_blob(server.address, "a", blob)
        for tag, (payload, media_type) in ODD.items():
            headers = {"content-type": PUSHED_AS.get(tag, media_type)}
            answer = exchange(server.address, "PUT", f"/v2/a/manifests/{tag}", body=payload, headers=headers)
            assert answer.status == 201, f"{tag}: {answer}"
        before = served(server.address)
    assert {tag: one[:2] for tag, one in before.items()} == ODD
    moorage = moorage_server(tmp_path / "moorage", root=root)
    with running(moorage) as server:
        assert served(server.address) == before
    done = forking.command("garbage-collect", "--delete-untagged", moorage.command[-1])
    assert done.returncode == 0, done.stderr
    for collected in (
        moorage_server(tmp_path / "after", root=root),
        reference_server(tmp_path / "again", root=root),
    ):
        with running(collected) as server:
            assert served(server.address) == before
            layer = exchange(server.address, "GET", f"/v2/a/blobs/{digest_of(LAST)}")
            assert (layer.status, layer.body) == (200, LAST)


def served(address: str) -> Mapping[str, tuple[bytes, str, str]]:
    """The bytes, type and digest of each tag."""
    found = {}
    for tag in ODD:
        answer = exchange(address, "GET", f"/v2/a/manifests/{tag}", headers={"accept": ACCEPT_ALL})
        assert answer.status == 200, f"{tag}: {answer}"
        found[tag] = (answer.body, answer.headers["content-type"], answer.headers["docker-content-digest"])
    return found
