"""What the front tells of fake-gcs-server, and of uploads in parts, is what Cloud Storage would."""

from __future__ import annotations

import os
import secrets
from urllib.parse import quote

import pytest

from tests.stores.bucket import Bucket
from tests.support.exchange import Answer, exchange
from tests.support.gcsuploads import LEAST_PART
from tests.support.objectstores import Gcs


class Asking:
    """Below a folder of its own."""

    def __init__(self, store: Gcs) -> None:
        self.folder = f"front/{secrets.token_hex(6)}"
        self._address = store.endpoint.partition("://")[2]
        self._bucket = store.bucket

    def __call__(self, method: str, name: str, body: bytes | None = None, **headers: str) -> Answer:
        key, mark, query = name.partition("?")
        path = f"/{self._bucket}/{quote(f'{self.folder}/{key}', safe='')}{mark}{query}"
        given = {one.replace("_", "-"): value for one, value in headers.items()}
        return exchange(self._address, method, path, body=body, headers=given)

    def begin(self, name: str) -> str:
        said = self("POST", f"{name}?uploads=", b"", x_goog_meta_note="kept").body.decode()
        return said.partition("<UploadId>")[2].partition("<")[0]

    def complete(self, name: str, upload: str, *parts: tuple[int, str]) -> Answer:
        said = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>" for number, tag in parts
        )
        body = f"<CompleteMultipartUpload>{said}</CompleteMultipartUpload>"
        return self("POST", f"{name}?uploadId={upload}", body.encode())


@pytest.fixture
def asking(fake_gcs_store: Gcs) -> Asking:
    return Asking(fake_gcs_store)


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body.decode().partition("<Code>")[2].partition("<")[0]


def test_each_write_has_a_generation_that_the_next_can_ask_for(asking: Asking) -> None:
    first = asking("PUT", "a", b"one", x_goog_if_generation_match="0")
    generation = first.headers["x-goog-generation"]
    assert code(asking("PUT", "a", b"two", x_goog_if_generation_match="0")) == (412, "PreconditionFailed")
    assert asking("PUT", "a", b"two", x_goog_if_generation_match=generation).status == 200
    assert code(asking("PUT", "a", b"three", x_goog_if_generation_match=generation))[0] == 412
    read = asking("GET", "a")
    assert (read.body, read.headers["x-goog-generation"] > generation) == (b"two", True)


def test_an_object_has_one_entity_tag_wherever_it_is_told(asking: Asking) -> None:
    written = asking("PUT", "a", b"one")
    assert written.headers["etag"] == asking("HEAD", "a").headers["etag"]
    assert f"<ETag>{written.headers['etag']}".replace('"', "&quot;") in listing(asking)


def listing(asking: Asking) -> str:
    answer = exchange(
        asking._address, "GET", f"/{asking._bucket}?list-type=2&prefix={quote(asking.folder, safe='')}"
    )
    return answer.body.decode()


def test_what_is_missing_is_told_by_its_name(asking: Asking, fake_gcs_store: Gcs) -> None:
    assert code(asking("GET", "none")) == (404, "NoSuchKey")
    assert code(asking("DELETE", "none")) == (404, "NoSuchKey")
    source = quote(f"{fake_gcs_store.bucket}/{asking.folder}/none")
    assert code(asking("PUT", "copy", b"", x_goog_copy_source=source)) == (404, "NoSuchKey")
    assert asking("HEAD", "none").status == 404
    assert code(asking("PUT", "a?partNumber=1&uploadId=none", b"x")) == (404, "NoSuchUpload")
    assert code(asking("DELETE", "a?uploadId=none")) == (404, "NoSuchUpload")
    asking._bucket = "no-such-bucket"
    for method, body in (("GET", None), ("PUT", b"x"), ("DELETE", None)):
        assert code(asking(method, "a", body)) == (404, "NoSuchBucket")
    assert code(asking("POST", "a?uploads=", b"")) == (404, "NoSuchBucket")


def test_pages_hold_each_name_once_and_in_order(fake_gcs_store: Gcs) -> None:
    bucket = Bucket(fake_gcs_store.as_s3(), f"front/{secrets.token_hex(6)}")
    names = [f"{number:02}{kind}" for number in range(23) for kind in ("", "/a", "/b")]
    for name in reversed(names):
        bucket.put(name, b"")
    assert bucket.names() == sorted(names)
    pages = list(
        bucket._client.get_paginator("list_objects_v2").paginate(
            Bucket=fake_gcs_store.bucket, Prefix=f"{bucket.root}/", Delimiter="/"
        )
    )
    assert len(pages) > 2
    folders = [
        one["Prefix"][len(bucket.root) + 1 :] for page in pages for one in page.get("CommonPrefixes", ())
    ]
    assert folders == [f"{number:02}/" for number in range(23)]


def test_an_upload_is_made_of_the_parts_that_are_named(asking: Asking) -> None:
    upload = asking.begin("a")
    large, last = os.urandom(LEAST_PART), b"the end"
    tags = [
        asking("PUT", f"a?partNumber={number}&uploadId={upload}", data).headers["etag"]
        for number, data in ((1, large), (2, b"small"), (3, last))
    ]
    assert code(asking("GET", "a")) == (404, "NoSuchKey")
    assert listing(asking).count("<Contents>") == 0
    wrong = (
        [(1, tags[0]), (2, tags[0])],
        [(3, tags[2]), (1, tags[0])],
        [(1, tags[0]), (2, tags[1]), (3, tags[2])],
    )
    codes = [code(asking.complete("a", upload, *parts)) for parts in wrong]
    assert codes == [(400, "InvalidPart"), (400, "InvalidPartOrder"), (400, "EntityTooSmall")]
    done = asking.complete("a", upload, (1, tags[0]), (3, tags[2]))
    read = asking("GET", "a")
    assert read.body == large + last
    assert read.headers["x-goog-meta-note"] == "kept"
    assert read.headers["x-goog-generation"] == done.headers["x-goog-generation"]
    assert code(asking.complete("a", upload, (1, tags[0]))) == (404, "NoSuchUpload")


def test_a_condition_that_the_server_would_not_look_at_is_refused(asking: Asking) -> None:
    asking("PUT", "a", b"")
    refused = asking(
        "PUT", "b", b"", x_goog_copy_source=f"moorage/{asking.folder}/a", x_goog_if_generation_match="0"
    )
    assert code(refused) == (501, "NotImplemented")
