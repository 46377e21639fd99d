"""Objects in the bucket that no registry wrote: nobody stumbles over them, and nobody touches them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.images import digest_of, make_image
from tests.stores.bucket import Bucket, blob_name
from tests.stores.site import site
from tests.support.objectstores import S3

TREE = "docker/registry/v2"
REPOSITORIES = f"{TREE}/repositories"
KEPT = make_image(random.Random(1))
GONE = make_image(random.Random(2))

# What consoles make for a folder.
FOLDERS = [
    "",
    "docker/",
    f"{TREE}/",
    f"{REPOSITORIES}/",
    f"{REPOSITORIES}/empty/",
    f"{REPOSITORIES}/empty/_manifests/tags/",
    f"{REPOSITORIES}/team/app/_uploads/",
    f"{REPOSITORIES}/team/app/_manifests/tags/",
    f"{TREE}/blobs/",
    f"{TREE}/blobs/sha256/",
    f"{TREE}/blobs/sha256/zz/",
]
NAMES = [
    "index.html",
    f"{REPOSITORIES}/README.md",
    f"{REPOSITORIES}/with space/_manifests/note",
    f"{REPOSITORIES}/Größe/_manifests/note",
    f"{REPOSITORIES}/per%20cent/note",
    f"{REPOSITORIES}/wh?t#ever/note",
    f"{REPOSITORIES}/UPPER/_layers/sha256/nothing/link",
    f"{REPOSITORIES}/team/app/_manifests/tags/.hidden/note",
    f"{REPOSITORIES}/team/app/_manifests/revisions/md5/abc/link",
    f"{REPOSITORIES}/team/app/_uploads/not an upload/data",
    f"{TREE}/blobs/sha256/ab/too-short/data",
    f"{TREE}/blobs/sha256/note.txt",
    f"{TREE}/blobs/md5/ab/abc/data",
]
# What S3 takes and most programs cannot even ask for.
STRANGE = [
    f"{REPOSITORIES}//note",
    f"{REPOSITORIES}/team//app/note",
    f"{REPOSITORIES}/../x",
    f"{REPOSITORIES}/./x",
    f"{TREE}/blobs/sha256//x",
    f"{REPOSITORIES}/bell\x07/x",
]


def contents(bucket: Bucket) -> dict[str, bytes]:
    return {name: bucket.get(name) for name in bucket.names()}


def test_foreign_objects_are_passed_over_and_left_alone(
    moto_store: S3, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with site(tmp_path, moto_store, cache="none") as found, Client(found.server.port) as client:
        client.push("team/app", "v1", KEPT)
        client.push("team/app", "v2", GONE)
        client.push("other", "v2", GONE)
        neighbour = Bucket(moto_store, f"{found.bucket.root}2")
        for name in found.bucket.names():
            neighbour.put(name, found.bucket.get(name))
        for number, name in enumerate([*FOLDERS, *NAMES, *STRANGE]):
            found.bucket.put(name, b"" if name.endswith("/") or not name else b"%d" % number)
        foreign = {name: found.bucket.get(name) for name in [*FOLDERS, *NAMES, *STRANGE]}
        beside = contents(neighbour)

        # All that may have taken longer than a connection lives without a request.
        client.close()
        client.expect(202, "DELETE", f"/v2/team/app/manifests/{GONE.digest}")
        client.expect(202, "DELETE", f"/v2/other/manifests/{GONE.digest}")
        tags = client.expect(200, "GET", "/v2/team/app/tags/list").body
        assert tags == b'{"name":"team/app","tags":["v1"]}'
        assert b'"team/app"' in client.expect(200, "GET", "/v2/_catalog").body

        found.collect(dry_run=True)
        caplog.clear()
        found.collect(delete_untagged=True)
        warned = [record.__dict__.get("key") for record in caplog.records]
        for name in (f"{REPOSITORIES}/", f"{REPOSITORIES}/..", f"{REPOSITORIES}/.", f"{TREE}/blobs/sha256/"):
            assert warned.count(f"{found.bucket.root}/{name}") == 1, f"{name}: {warned}"
        purged = found.command("purge-uploads", "--age", "0")
        assert purged.returncode == 0, purged.stderr

        assert {name: found.bucket.get(name) for name in foreign} == foreign
        assert contents(neighbour) == beside
        names = found.bucket.names()
        assert blob_name(digest_of(KEPT.blobs[2])) in names
        assert blob_name(digest_of(GONE.blobs[2])) not in names
        client.close()
        assert client.fault_in("team/app", "v1", KEPT) == ""
        client.push("empty", "v1", GONE)
        assert client.fault_in("empty", "v1", GONE) == ""


def test_a_registry_starts_on_a_bucket_with_nothing_but_foreign_objects(
    moto_store: S3, tmp_path: Path
) -> None:
    with site(tmp_path, moto_store, start=False) as found:
        for name in (*FOLDERS, *NAMES, *STRANGE):
            found.bucket.put(name, b"")
        found.server.start()
        try:
            with Client(found.server.port) as client:
                client.expect(200, "GET", "/v2/_catalog")
                client.push("team/app", "v1", KEPT)
                assert client.fault_in("team/app", "v1", KEPT) == ""
        finally:
            found.server.stop()
