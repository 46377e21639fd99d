"""A registry over fake-gcs-server: an image comes, is pulled, and goes, and with it all that it had in the bucket."""

from __future__ import annotations

import random
import secrets
from pathlib import Path

from tests.faults.client import Client
from tests.faults.images import digest_of, make_image
from tests.stores.bucket import Bucket, blob_name
from tests.stores.server import SECRET, store_server
from tests.support import forking
from tests.support.objectstores import Gcs
from tests.support.server import running
from tests.support.storeproxy import proxying

NAME = "team/app"
LAYER = 27 << 20


def test_an_image_that_went_through_parts_is_pulled_deleted_and_collected(
    fake_gcs_store: Gcs, tmp_path: Path
) -> None:
    image = make_image(random.Random(1), layer_bytes=LAYER)
    bucket = Bucket(fake_gcs_store.as_s3(), f"servers/{secrets.token_hex(6)}")
    with proxying(fake_gcs_store.endpoint) as between:
        server = store_server(
            tmp_path, fake_gcs_store, root=bucket.root, endpoint=between.endpoint, cache="none", secret=SECRET
        )
        with running(server), Client(server.port) as client:
            with between.counted() as calls:
                client.push(NAME, "v1", image)
            sent = [call for call in calls if call.method == "PUT" and "partNumber=" in call.query]
            assert len(sent) >= 5, "the layer was to go in parts"
            assert client.fault_in(NAME, "v1", image) == ""
            assert client.request("GET", f"/v2/{NAME}/tags/list").body == b'{"name":"team/app","tags":["v1"]}'
            names = {blob_name(digest_of(blob)) for blob in (*image.blobs, image.manifest)}
            assert names <= set(bucket.names())
            client.expect(202, "DELETE", f"/v2/{NAME}/manifests/{image.digest}")
            client.expect(404, "GET", f"/v2/{NAME}/manifests/v1")
            done = forking.command("garbage-collect", "--notice", "0", server.command[-1], seconds=120)
            assert done.returncode == 0, done.stderr
    assert not names & set(bucket.names())
    assert bucket.unfinished() == []
