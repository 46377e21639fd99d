"""The requests of an upload, one by one."""

from __future__ import annotations

from moorage.digest import Digest
from tests.api.client import Answer, Client
from tests.store.images import noise

DATA = noise("upload", 200_000)
DIGEST = Digest.of(DATA)
UPLOADS = "/v2/team/app/blobs/uploads/"


async def start(client: Client, query: str = "") -> str:
    """The Location of a new session."""
    answer = await client("POST", UPLOADS + query)
    assert answer.status == 202, answer.body
    assert answer.headers["range"] == "0-0"
    assert answer.headers["docker-upload-uuid"] in answer.headers["location"]
    return answer.headers["location"]


async def send(client: Client, location: str, data: bytes, at: int | None = None) -> Answer:
    headers = {} if at is None else {"content-range": f"{at}-{at + len(data) - 1}"}
    return await client("PATCH", location, data, headers)


async def finish(client: Client, location: str, data: bytes = b"", digest: str = DIGEST) -> Answer:
    return await client.put(f"{location}&digest={digest}", data)


async def fetched(client: Client, digest: str = DIGEST, name: str = "team/app") -> bytes:
    answer = await client.get(f"/v2/{name}/blobs/{digest}")
    assert answer.status == 200, answer.body
    return answer.body
