"""The requests of a push, as clients make them."""

from __future__ import annotations

from urllib.parse import quote

from moorage.digest import Digest
from tests.api.client import Answer, Client
from tests.store.images import Image


async def push_blob(client: Client, name: str, data: bytes, algorithm: str = "sha256") -> Digest:
    digest = Digest.of(data, algorithm)
    opened = await client("POST", f"/v2/{name}/blobs/uploads/")
    assert opened.status == 202, opened.body
    done = await client.put(f"{opened.headers['location']}&digest={quote(digest)}", data)
    assert done.status == 201, done.body
    return digest


async def put_manifest(
    client: Client, name: str, image: Image, reference: str = "", query: str = ""
) -> Answer:
    target = f"/v2/{name}/manifests/{reference or image.digest}{query}"
    return await client.put(target, image.payload, content_type=image.media_type)


async def push(client: Client, name: str, image: Image, *tags: str) -> Digest:
    """All of an image; by digest when there are no tags."""
    for child in image.children:
        await push(client, name, child)
    for blob in image.blobs:
        await push_blob(client, name, blob)
    for reference in tags or ("",):
        answer = await put_manifest(client, name, image, reference)
        assert answer.status == 201, answer.body
    return image.digest
