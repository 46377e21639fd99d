"""Pushing by plain HTTP: what each step answers is asserted, so that a fixture cannot half succeed."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.compat.cargo import Document
from tests.support.exchange import Answer, exchange
from tests.support.images import digest_of


def push_blob(address: str, name: str, content: bytes) -> str:
    """POST, PATCH and PUT; the blob's digest."""
    opened = exchange(address, "POST", f"/v2/{name}/blobs/uploads/", body=b"")
    assert opened.status == 202, opened
    sent = exchange(
        address,
        "PATCH",
        target_of(opened),
        body=content,
        headers={"content-type": "application/octet-stream"},
    )
    assert sent.status == 202, sent
    digest = digest_of(content)
    done = exchange(address, "PUT", f"{target_of(sent)}&digest={digest}", body=b"")
    assert done.status == 201, done
    return digest


def push(address: str, name: str, document: Document, *tags: str) -> str:
    """The blobs, then the manifest under each tag, or by its digest when there is none."""
    for blob in document.blobs:
        push_blob(address, name, blob)
    for reference in tags or (document.digest,):
        answer = exchange(
            address,
            "PUT",
            f"/v2/{name}/manifests/{reference}",
            body=document.body,
            headers={"content-type": document.media_type},
        )
        assert answer.status == 201, (name, reference, answer)
        assert answer.headers["docker-content-digest"] == document.digest
    return document.digest


def target_of(answer: Answer) -> str:
    """Path and query of an answer's Location, ready to have `&digest=` appended."""
    parts = urlsplit(answer.headers["location"])
    return f"{parts.path}?{parts.query or 'nothing='}"
