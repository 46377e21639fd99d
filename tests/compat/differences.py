"""Every difference between what Moorage and version 2.8 of the reference answer, each with its reason.

Three kinds: a value that is always written differently (`Rewrite`), a request that is answered with another
status or error code (`Answers`), and a header or body that differs below the same status (`Details`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Rewrite:
    """In any answer: `pattern` in the reference's value, replaced, gives Moorage's. `absent` means no header."""

    field: str
    pattern: str
    replacement: str
    reason: str


@dataclass(frozen=True)
class Answers:
    """By step: "status codes" of the reference and of Moorage. The rest of such an answer follows from it."""

    reason: str
    steps: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Details:
    """Fields that differ in these steps although the status is the same."""

    reason: str
    fields: tuple[str, ...]
    steps: tuple[str, ...]


REWRITES = (
    Rewrite(
        "content-type",
        "^application/json; charset=utf-8$",
        "application/json",
        "JSON is UTF-8 by its own standard and knows no charset parameter (RFC 8259, section 11)",
    ),
    Rewrite(
        "location",
        "^http://<host>/",
        "/",
        "relative unless configured: a URL made of the request's Host header is wrong behind many proxies and lets "
        "a client choose where others are sent",
    ),
    Rewrite(
        "cache-control",
        "^max-age=31536000$",
        "max-age=31536000, immutable",
        "content under its digest never changes, so a cache need not ask again on reload (RFC 8246)",
    ),
    Rewrite(
        "x-content-type-options",
        "^absent$",
        "nosniff",
        "a browser must not run uploaded content; the reference's sample configuration sets it too",
    ),
)

NOT_FOUND = "404 none"
DIVERGED = "404 BLOB_UPLOAD_INVALID"
NAME = (NOT_FOUND, "400 NAME_INVALID")
TAG = (NOT_FOUND, "400 TAG_INVALID")
DIGEST = (NOT_FOUND, "400 DIGEST_INVALID")
METHOD = ("405 none", "405 UNSUPPORTED")
UNKNOWN = (DIVERGED, "404 BLOB_UPLOAD_UNKNOWN")

ANSWERS = (
    Answers(
        "the error body of the specification instead of the router's plain text",
        {
            "unknown route": (NOT_FOUND, "404 UNSUPPORTED"),
            "name alone": (NOT_FOUND, "404 UNSUPPORTED"),
            "delete a repository": (NOT_FOUND, "404 UNSUPPORTED"),
            "catalog post": METHOD,
            "blob posted": METHOD,
            "blob put": METHOD,
            "blob patched": METHOD,
            "manifest posted": METHOD,
            "manifest patched": METHOD,
            "tags posted": METHOD,
            "range behind the end": ("416 none", "416 RANGE_INVALID"),
            "range far behind the end": ("416 none", "416 RANGE_INVALID"),
            "range backward": ("416 none", "416 RANGE_INVALID"),
            "range that is none": ("416 none", "416 RANGE_INVALID"),
            "blob if another": ("412 none", "412 UNSUPPORTED"),
        },
    ),
    Answers(
        "an invalid name, tag or digest is the client's mistake and is named, never an unknown route or a 500",
        {
            "name with capitals": NAME,
            "name with two slashes": ("301 none", "400 NAME_INVALID"),
            "name with a dash in front": NAME,
            "name with a dot behind": NAME,
            "name with dots between": NAME,
            "name with three underscores": NAME,
            "name too long": ("500 UNKNOWN", "400 NAME_INVALID"),
            "name that leaves the tree": ("301 none", "400 NAME_INVALID"),
            "name with a zero byte": NAME,
            "name starting with an underscore": NAME,
            "upload to an invalid name": NAME,
            "manifest of an invalid name": NAME,
            "manifest to an invalid name": NAME,
            "bad tag": TAG,
            "bad tag put": TAG,
            "tag too long": TAG,
            "delete a bad tag": TAG,
            "blob of a digest that is none": DIGEST,
            "blob of a digest in capitals": DIGEST,
            "delete a blob by a bad digest": DIGEST,
            "bad manifest digest": ("500 UNKNOWN", "400 DIGEST_INVALID"),
            "manifest digest of an unknown algorithm": ("500 UNKNOWN", "400 DIGEST_INVALID"),
        },
    ),
    Answers(
        "a manifest that is wrong is the client's mistake; the reference fails on these",
        {
            "digest of a blob as a manifest": ("500 UNKNOWN", "404 MANIFEST_UNKNOWN"),
            "layer with a bad digest": ("500 UNKNOWN,UNKNOWN,MANIFEST_BLOB_UNKNOWN", "400 MANIFEST_INVALID"),
            "object without fields": ("500 UNKNOWN", "400 MANIFEST_INVALID"),
            "schema version one": ("500 UNKNOWN", "400 MANIFEST_INVALID"),
            "image without a config": ("400 DIGEST_INVALID,MANIFEST_BLOB_UNKNOWN", "400 MANIFEST_INVALID"),
        },
    ),
    Answers(
        "members whose names differ by case alone mean one thing to Go and another to the rest",
        {"layers spelled otherwise": ("201", "400 MANIFEST_INVALID")},
    ),
    Answers(
        "what a manifest is must stand in it, as the Content-Type is not stored: the reference serves it as an image afterwards",
        {"index that nothing tells": ("201", "400 MANIFEST_INVALID")},
    ),
    Answers(
        "an image that is a blob here is no manifest to those who follow the index: the reference answers them 404 or 500",
        {"index of an image that is a blob": ("201", "400 MANIFEST_BLOB_UNKNOWN")},
    ),
    Answers(
        "a manifest over the limit has a status of its own in the specification",
        {"more than four mebibytes": ("400 MANIFEST_INVALID", "413 MANIFEST_INVALID")},
    ),
    Answers(
        "the media type inside the manifest decides when the header names none",
        {
            "no media type": ("400 MANIFEST_INVALID", "201"),
            "json as media type": ("400 MANIFEST_INVALID", "201"),
        },
    ),
    Answers(
        "a slash behind the path, or none, means the same; the reference redirects, which clients of POST lose",
        {
            "base without slash": ("301 none", "200"),
            "upload without slash": ("301 none", "202"),
            "blob with a slash behind": ("301 none", "200"),
            "manifest with a slash behind": ("301 none", "200"),
            "tags with a slash behind": ("301 none", "200"),
        },
    ),
    Answers(
        "only GET and HEAD read; other methods are refused and told what is allowed",
        {
            "base post": ("200", "405 UNSUPPORTED"),
            "base delete": ("200", "405 UNSUPPORTED"),
            "base options": ("200", "405 UNSUPPORTED"),
            "uploads listed": ("404 BLOB_UPLOAD_UNKNOWN", "405 UNSUPPORTED"),
            "upload by put": ("404 BLOB_UPLOAD_UNKNOWN", "405 UNSUPPORTED"),
            "upload session posted to": (DIVERGED, "405 UNSUPPORTED"),
        },
    ),
    Answers(
        "HEAD is answered wherever GET is",
        {"catalog head": ("405", "200"), "tags by head": ("405", "200")},
    ),
    Answers(
        "Content-Range is checked, as the specification asks; the reference ignores it, appends the bytes, and then "
        "refuses the state it gave before",
        {
            "chunk that leaves a gap": ("202", "416 RANGE_INVALID"),
            "chunk that leaves a gap: afterwards": (DIVERGED, "204"),
            "chunk sent again": ("202", "416 RANGE_INVALID"),
            "chunk sent again: afterwards": (DIVERGED, "204"),
            "chunk with a range that is none": ("202", "416 RANGE_INVALID"),
            "chunk with a range that is none: afterwards": (DIVERGED, "204"),
            "chunk with a backward range": ("202", "416 RANGE_INVALID"),
            "chunk with a backward range: afterwards": (DIVERGED, "204"),
            "chunk shorter than its range": ("202", "400 SIZE_INVALID"),
            "chunk shorter than its range: afterwards": (DIVERGED, "204"),
            "chunk longer than its range": ("202", "400 SIZE_INVALID"),
            "chunk longer than its range: afterwards": (DIVERGED, "204"),
        },
    ),
    Answers(
        "an upload in one request is in the specification and in the reference's own documents",
        {
            "single request": ("202", "201"),
            "single request with a wrong digest": ("202", "400 DIGEST_INVALID"),
            "single request with a bad digest": ("202", "400 DIGEST_INVALID"),
        },
    ),
    Answers(
        "the last request of an upload may be sent again when its answer was lost: its blob is there",
        {"upload completes twice": ("404 BLOB_UPLOAD_UNKNOWN", "201")},
    ),
    Answers(
        "a session that does not exist is unknown, not invalid",
        {
            "after a wrong digest": UNKNOWN,
            "unknown upload status": UNKNOWN,
            "unknown upload chunk": UNKNOWN,
            "unknown upload completes": UNKNOWN,
            "unknown upload cancelled": UNKNOWN,
            "upload id that is none": (NOT_FOUND, "404 BLOB_UPLOAD_UNKNOWN"),
        },
    ),
    Answers(
        "a state that was not signed here is a bad request, as the endpoint's own section says",
        {"tampered state": (DIVERGED, "400 BLOB_UPLOAD_INVALID")},
    ),
    Answers(
        "mounting without naming a source is in specification 1.1",
        {"mount without a source": ("202", "201")},
    ),
    Answers(
        "several ranges may be answered with the whole (RFC 9110, section 14.2): right, but more than was asked for",
        {"range of several parts": ("206", "200")},
    ),
    Answers(
        "an unknown range unit is ignored (RFC 9110, section 14.2)",
        {"range in another unit": ("416 none", "200")},
    ),
    Answers(
        "the last none bytes cannot be satisfied (RFC 9110, section 14.1.2)",
        {"range of nothing from the end": ("206", "416 RANGE_INVALID")},
    ),
    Answers("Range is defined for GET alone (RFC 9110, section 14.2)", {"range by head": ("206", "200")}),
    Answers(
        "manifests are served as they were stored whatever Accept says; the reference converts to schema 1 or fails",
        {
            "docker image without accept": ("400 MANIFEST_INVALID", "200"),
            "docker image for any": ("400 MANIFEST_INVALID", "200"),
            "docker image for an oci client": ("400 MANIFEST_INVALID", "200"),
            "docker list without accept": ("400 MANIFEST_INVALID", "200"),
            "oci image without accept": ("404 MANIFEST_UNKNOWN", "200"),
            "oci index for a docker client": ("404 MANIFEST_UNKNOWN", "200"),
        },
    ),
    Answers(
        "a page size that is no number is refused",
        {
            "tags, fewer than none": ("200", "400 PAGINATION_NUMBER_INVALID"),
            "tags, a number that is none": ("200", "400 PAGINATION_NUMBER_INVALID"),
            "catalog, fewer than none": ("200", "400 PAGINATION_NUMBER_INVALID"),
            "catalog, a number that is none": ("200", "400 PAGINATION_NUMBER_INVALID"),
        },
    ),
    Answers(
        "a page size over the limit means the limit: the specification lets a registry answer fewer",
        {"catalog, very many": ("400 PAGINATION_NUMBER_INVALID", "200")},
    ),
    Answers(
        "referrers came with specification 1.1",
        {
            "referrers": (NOT_FOUND, "200"),
            "referrers of one type": (NOT_FOUND, "200"),
            "referrers of nothing": (NOT_FOUND, "200"),
            "referrers of a bad digest": DIGEST,
        },
    ),
    Answers(
        "tags can be deleted, as the specification and version 3 of the reference say",
        {
            "delete a tag": ("400 DIGEST_INVALID", "202"),
            "deleted tag": ("200", "404 MANIFEST_UNKNOWN"),
            "delete a tag twice": ("400 DIGEST_INVALID", "404 MANIFEST_UNKNOWN"),
        },
    ),
)

CONTENT = ("body", "content-length", "content-type", "docker-content-digest", "etag")

DETAILS = (
    Details(
        "manifests are served as they were stored; the reference picks an image from the list for old clients",
        CONTENT,
        ("docker list for a client of images",),
    ),
    Details(
        "what has the member manifests, and none of an image, is the index that its client pushed, although it names nothing",
        ("content-type",),
        ("index of null without a media type served",),
    ),
    Details(
        "version 2 of the reference lists tags unsorted and knows no pages of them",
        ("body", "link"),
        (
            "tags",
            "tags, first page",
            "tags, second page",
            "tags, last page",
            "tags, a page as long as the list",
            "tags after one that is not there",
            "tags after all",
            "tags, none asked for",
            "tags, no number",
            "tags, very many",
            "tags at the end",
        ),
    ),
    Details(
        "a repository is listed once it has a manifest; the reference also lists what holds only blobs",
        ("body", "link"),
        ("catalog", "catalog, first page"),
    ),
    Details(
        "an answer that nothing has changed repeats the digest and the tag it was asked for (RFC 9110, section 15.4.5)",
        ("docker-content-digest", "etag"),
        ("manifest known already", "manifest known already, no quotes"),
    ),
    Details(
        "how long content keeps was told with the content",
        ("cache-control",),
        ("blob known already", "blob known already among others", "any blob known already"),
    ),
    Details("the specification's headers of 1.1", ("oci-subject",), ("image with a subject",)),
    Details("the digest is repeated where content is named", ("docker-content-digest",), ("delete a blob",)),
    Details("a session that is gone has no id", ("docker-upload-uuid",), ("upload cancelled",)),
    Details(
        "what is not below /v2/ is no part of the API",
        ("cache-control", "docker-distribution-api-version", "x-content-type-options"),
        ("root", "version one", "version three"),
    ),
)
