"""What a registry leaves in a bucket with `objectacl`: images for whom it names, and keys for nobody."""

from __future__ import annotations

import random
from pathlib import Path

from tests.faults.client import Client
from tests.faults.images import make_image
from tests.stores.bucket import EVERYONE, Bucket
from tests.stores.server import store_server
from tests.support.objectstores import S3
from tests.support.server import running

ROOT = "servers/acl"


def test_everyone_may_read_an_image_that_is_public_and_nobody_the_keys(
    moto_store: S3, tmp_path: Path
) -> None:
    image = make_image(random.Random(1), layer_bytes=3 << 20)
    with running(store_server(tmp_path, moto_store, root=ROOT, objectacl="public-read")) as server:
        with Client(server.port) as client:
            client.push("team/app", "v1", image)
            assert client.fault_in("team/app", "v1", image) == ""
        assert server.stop() == 0
    bucket = Bucket(moto_store, ROOT)
    readable = {name for name in bucket.names() if (EVERYONE, "READ") in bucket.grants(name)}
    assert readable == set(bucket.names("docker/"))
    assert len(readable) > 2 * len(image.blobs)
    assert "moorage/secret" in bucket.names()
