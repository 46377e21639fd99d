"""Images as a registry serves them, checked byte for byte, and OCI layouts made from nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support.exchange import exchange

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
ACCEPT_ALL = f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_LIST}, {DOCKER_MANIFEST}"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def descriptor(media_type: str, content: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


def stored_image(address: str, name: str, reference: str) -> dict[str, bytes]:
    """Every byte of an image the registry at `address` serves, by digest: manifests, configs and layers.

    Asserts on the way that each answer is what its digest says, with the headers that repeat it.
    """
    found: dict[str, bytes] = {}
    waiting = [("manifests", reference)]
    while waiting:
        kind, wanted = waiting.pop()
        answer = exchange(address, "GET", f"/v2/{name}/{kind}/{wanted}", headers={"accept": ACCEPT_ALL})
        assert answer.status == 200, f"{kind} {wanted} of {name}: {answer.status} {answer.body[:300]!r}"
        digest = digest_of(answer.body)
        assert answer.headers["docker-content-digest"] == digest
        assert int(answer.headers["content-length"]) == len(answer.body)
        assert ":" not in wanted or wanted == digest
        found[digest] = answer.body
        if kind == "manifests":
            waiting += references(json.loads(answer.body))
    return found


def references(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a manifest refers to: ("manifests" or "blobs", digest)."""
    for child in manifest.get("manifests", []):
        yield "manifests", child["digest"]
    for child in [manifest["config"]] if "config" in manifest else []:
        yield "blobs", child["digest"]
    for child in manifest.get("layers", []):
        yield "blobs", child["digest"]


def write_layout(folder: Path, blobs: list[bytes], manifest: bytes, tag: str) -> None:
    """An OCI image layout of one image below `folder`; `blobs` may be empty and put there beforehand."""
    store = folder / "blobs" / "sha256"
    store.mkdir(parents=True, exist_ok=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    for content in [*blobs, manifest]:
        (store / digest_of(content).removeprefix("sha256:")).write_bytes(content)
    annotations = {"org.opencontainers.image.ref.name": tag}
    entry = descriptor(OCI_MANIFEST, manifest, annotations=annotations)
    (folder / "index.json").write_bytes(canonical({"schemaVersion": 2, "manifests": [entry]}))
