"""Long lists over an object store, which are asked for in many calls at a time."""

from __future__ import annotations

import json
import random
from pathlib import Path

from tests.faults.client import Client
from tests.faults.images import make_image
from tests.stores.server import SECRET, store_server
from tests.support.objectstores import S3
from tests.support.server import running

NAMES = ["a", "a-b/c", "a/b", "a/b/c", "a/z", "b.c", "b/x", *(f"team/app{number}" for number in range(12))]
TAGS = sorted(f"v{number}" for number in range(45))


def pages(client: Client, path: str, key: str) -> list[list[str]]:
    found = []
    while path:
        answer = client.expect(200, "GET", path)
        found.append(json.loads(answer.body)[key])
        path = answer.headers.get("link", "").partition("<")[2].partition(">")[0]
    return found


def test_catalog_and_tags_come_in_order_and_in_pages(moto_store: S3, tmp_path: Path) -> None:
    source = random.Random(1)
    one, other = make_image(source), make_image(source)
    with running(store_server(tmp_path, moto_store, secret=SECRET)) as server, Client(server.port) as client:
        for name in NAMES:
            client.push(name, "latest", one)
        listed = pages(client, "/v2/_catalog?n=4", "repositories")
        assert [name for page in listed for name in page] == sorted(NAMES)
        assert [len(page) for page in listed] == [4, 4, 4, 4, 3]

        client.push("a", TAGS[0], other)
        for number, tag in enumerate(TAGS):
            client.put_manifest("a", tag, other if number % 3 else one)
        listed = pages(client, "/v2/a/tags/list?n=20", "tags")
        assert [tag for page in listed for tag in page] == sorted(["latest", *TAGS])
        client.expect(202, "DELETE", f"/v2/a/manifests/{other.digest}")
        left = sorted(["latest", *TAGS[::3]])
        assert pages(client, "/v2/a/tags/list", "tags") == [left]
