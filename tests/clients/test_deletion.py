"""Listing and deleting with skopeo."""

from __future__ import annotations

import json
from pathlib import Path

from tests.clients.adapters import INSECURE
from tests.support.command import Client
from tests.support.exchange import exchange
from tests.support.images import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, canonical, descriptor, write_layout
from tests.support.server import Server


def push_small_image(skopeo: Client, folder: Path, address: str, name: str, *tags: str) -> None:
    """An image of one tiny layer, unlike that of any other name, pushed under each tag."""
    config, layer = canonical({"architecture": "amd64", "os": "linux", "rootfs": {}}), name.encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, config),
        "layers": [descriptor(OCI_LAYER, layer)],
    }
    write_layout(folder, [config, layer], canonical(manifest), "local")
    for tag in tags:
        target = f"docker://{address}/{name}:{tag}"
        skopeo("copy", "--preserve-digests", "--dest-tls-verify=false", f"oci:{folder}:local", target)


def tags(skopeo: Client, address: str, name: str) -> list[str]:
    listed: list[str] = json.loads(skopeo("list-tags", INSECURE, f"docker://{address}/{name}"))["Tags"]
    return listed


def test_list_tags_shows_every_tag_in_order(shared_server: Server, skopeo: Client, tmp_path: Path) -> None:
    push_small_image(skopeo, tmp_path, shared_server.address, "listed", "v1.0", "latest", "V2", "_x")
    assert tags(skopeo, shared_server.address, "listed") == ["V2", "_x", "latest", "v1.0"]


def test_a_deleted_image_is_gone_with_all_its_tags_and_others_stay(
    shared_server: Server, skopeo: Client, tmp_path: Path
) -> None:
    address = shared_server.address
    push_small_image(skopeo, tmp_path / "one", address, "deleted", "1", "also-1")
    push_small_image(skopeo, tmp_path / "two", address, "deleted-not", "2")
    # Another image beside the first, whose tag has to survive.
    insecure = ("--src-tls-verify=false", "--dest-tls-verify=false")
    skopeo("copy", *insecure, f"docker://{address}/deleted-not:2", f"docker://{address}/deleted:2")

    skopeo("delete", INSECURE, f"docker://{address}/deleted:1")
    assert tags(skopeo, address, "deleted") == ["2"]
    assert skopeo.attempt("inspect", INSECURE, f"docker://{address}/deleted:also-1").returncode != 0
    assert exchange(address, "GET", "/v2/deleted/manifests/1").status == 404
    assert skopeo("inspect", "--raw", INSECURE, f"docker://{address}/deleted:2")


def test_a_deleted_image_can_be_pushed_again(shared_server: Server, skopeo: Client, tmp_path: Path) -> None:
    address = shared_server.address
    push_small_image(skopeo, tmp_path, address, "again", "1")
    skopeo("delete", INSECURE, f"docker://{address}/again:1")
    push_small_image(skopeo, tmp_path, address, "again", "1")
    assert tags(skopeo, address, "again") == ["1"]
