"""The sparse bucket's HTTP: S3's REST API as obstore and boto3 speak it, in path style. Signatures are not looked at."""

from __future__ import annotations

import http.server
import re
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.support.objectstores import BUCKET, S3
from tests.support.sparse import Body, Content
from tests.support.sparse_s3 import Limits, S3Error, SparseS3, Stored
from tests.support.threaded import ThreadedServer

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection. Each method of HTTP tells S3's operations apart by the query."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        query = self._query
        if "uploads" in query:
            self._answered(self._uploads)
        elif "list-type" in query:
            self._answered(self._list)
        else:
            self._answered(self._object)

    def do_HEAD(self) -> None:
        self._answered(self._object)

    def do_PUT(self) -> None:
        self._answered(self._put_part if "uploadId" in self._query else self._put)

    def do_POST(self) -> None:
        query = self._query
        self._answered(
            self._begin if "uploads" in query else self._remove if "delete" in query else self._complete
        )

    def do_DELETE(self) -> None:
        self._answered(self._abort if "uploadId" in self._query else self._remove_one)

    # Objects

    def _object(self) -> None:
        if not self._key:
            return self._send(200)
        found = self.server.bucket.get(self._key)
        if self.headers.get("if-match", found.tag).strip('"') != found.tag:
            raise S3Error(412, "PreconditionFailed")
        size = found.content.size
        match = _RANGE.fullmatch(self.headers.get("range", ""))
        if match is None:
            return self._send(200, found.content, _described(found))
        start, stop = int(match[1]), min(int(match[2]) + 1, size)
        if start >= size:
            raise S3Error(416, "InvalidRange")
        given = {"Content-Range": f"bytes {start}-{stop - 1}/{size}"}
        self._send(206, found.content.cut(start, stop), _described(found) | given)

    def _put(self) -> None:
        bucket, kept = self.server.bucket, self.headers.get("x-amz-storage-class", "")
        if source := self._source:
            stored = bucket.copy(source, self._key, kept)
            return self._xml(f"<CopyObjectResult>{_copied(stored)}</CopyObjectResult>")
        stored = bucket.put(self._key, Content.of(self._body()), kept)
        self._send(200, headers={"ETag": f'"{stored.tag}"'})

    def _remove_one(self) -> None:
        self.server.bucket.remove([self._key])
        self._send(204)

    def _remove(self) -> None:
        keys = [found.text or "" for found in self._parsed().findall("{*}Object/{*}Key")]
        self.server.bucket.remove(keys)
        gone = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        self._xml(f"<DeleteResult>{gone}</DeleteResult>")

    def _list(self) -> None:
        bucket = self.server.bucket
        after = self._asked("continuation-token") or self._asked("start-after")
        keys, prefixes, following = bucket.listed(
            self._asked("prefix"), self._asked("delimiter"), after, int(self._asked("max-keys") or 1000)
        )
        objects = ((key, bucket.objects.get(key)) for key in keys)
        shown = "".join(
            f"<Contents>{self._named(key)}{_entry(one)}</Contents>" for key, one in objects if one
        )
        shown += "".join(
            f"<CommonPrefixes><Prefix>{self._coded(prefix)}</Prefix></CommonPrefixes>" for prefix in prefixes
        )
        if following:
            shown += f"<NextContinuationToken>{escape(following)}</NextContinuationToken>"
        self._xml(f"<ListBucketResult>{_truncated(bool(following))}{shown}</ListBucketResult>")

    # Uploads in parts

    def _begin(self) -> None:
        upload = self.server.bucket.begin(self._key, self.headers.get("x-amz-storage-class", ""))
        shown = f"{self._named(upload.key)}<UploadId>{upload.name}</UploadId>"
        self._xml(
            f"<InitiateMultipartUploadResult><Bucket>{BUCKET}</Bucket>{shown}</InitiateMultipartUploadResult>"
        )

    def _put_part(self) -> None:
        bucket, name, number = self.server.bucket, self._asked("uploadId"), int(self._asked("partNumber"))
        if source := self._source:
            match = _RANGE.fullmatch(self.headers.get("x-amz-copy-source-range", ""))
            given = (int(match[1]), int(match[2]) + 1) if match else None
            stored = bucket.copy_part(name, number, source, given)
            return self._xml(f"<CopyPartResult>{_copied(stored)}</CopyPartResult>")
        stored = bucket.put_part(name, number, Content.of(self._body()))
        self._send(200, headers={"ETag": f'"{stored.tag}"'})

    def _complete(self) -> None:
        given = [
            (int(part.findtext("{*}PartNumber") or 0), (part.findtext("{*}ETag") or "").strip('"'))
            for part in self._parsed().findall("{*}Part")
        ]
        stored = self.server.bucket.complete(self._asked("uploadId"), given)
        shown = f"{self._named(self._key)}<ETag>&quot;{stored.tag}-{len(given)}&quot;</ETag>"
        self._xml(
            f"<CompleteMultipartUploadResult><Bucket>{BUCKET}</Bucket>{shown}</CompleteMultipartUploadResult>"
        )

    def _abort(self) -> None:
        self.server.bucket.abort(self._asked("uploadId"))
        self._send(204)

    def _uploads(self) -> None:
        after = (self._asked("key-marker"), self._asked("upload-id-marker"))
        found, more = self.server.bucket.unfinished(
            self._asked("prefix"), after, int(self._asked("max-uploads") or 1000)
        )
        shown = "".join(
            f"<Upload>{self._named(one.key)}<UploadId>{one.name}</UploadId>"
            f"<Initiated>{_moment(one.begun)}</Initiated></Upload>"
            for one in found
        )
        if more:
            shown += f"<NextKeyMarker>{self._coded(found[-1].key)}</NextKeyMarker>"
            shown += f"<NextUploadIdMarker>{found[-1].name}</NextUploadIdMarker>"
        self._xml(f"<ListMultipartUploadsResult>{_truncated(more)}{shown}</ListMultipartUploadsResult>")

    # Requests

    @property
    def _query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix(f"/{BUCKET}").removeprefix("/")

    @property
    def _source(self) -> str:
        return unquote(self.headers.get("x-amz-copy-source", "")).removeprefix("/").removeprefix(f"{BUCKET}/")

    def _asked(self, name: str) -> str:
        return self._query.get(name, [""])[0]

    def _body(self) -> Body:
        """Raises S3Error for a body that is framed as only Amazon's own service understands it."""
        if "aws-chunked" in self.headers.get("content-encoding", ""):
            raise S3Error(501, "NotImplemented", "aws-chunked")
        if "content-length" not in self.headers:
            raise S3Error(411, "MissingContentLength")
        return Body.received(self.rfile, int(self.headers["content-length"]))

    def _parsed(self) -> ElementTree.Element:
        body = self._body()
        return ElementTree.fromstring(body.read(0, body.size))

    # Answers

    def _answered(self, operation: object) -> None:
        self.server.note(self.command, self.path)
        try:
            operation()  # type: ignore[operator]
        except S3Error as error:
            # What is left of the body would be taken for the next request.
            self.close_connection = True
            text = f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
            self._xml(text, error.status)

    def _xml(self, text: str, status: int = 200) -> None:
        data = b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode()
        self._send(status, data, {"Content-Type": "application/xml"})

    def _send(self, status: int, body: Content | bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if isinstance(body, bytes) else body.size))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            for piece in [body] if isinstance(body, bytes) else body.pieces():
                self.wfile.write(piece)

    def _coded(self, text: str) -> str:
        return quote(text) if self._asked("encoding-type") == "url" else escape(text)

    def _named(self, key: str) -> str:
        return f"<Key>{self._coded(key)}</Key>"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return None


class Server(ThreadedServer):
    """`calls` has the method and the target of each request."""

    def __init__(self, bucket: SparseS3) -> None:
        self.bucket = bucket
        self.calls: list[tuple[str, str]] = []
        super().__init__(Handler)

    @property
    def service(self) -> S3:
        return S3(self.endpoint, BUCKET, "sparse-key", "sparse-secret", "us-east-1")

    def note(self, method: str, target: str) -> None:
        self.calls.append((method, target))


def sparse_s3(limits: Limits | None = None) -> AbstractContextManager[Server]:
    return Server(SparseS3(limits or Limits())).serving()


def _described(stored: Stored) -> dict[str, str]:
    return {"ETag": f'"{stored.tag}"', "Last-Modified": formatdate(stored.modified, usegmt=True)}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _entry(stored: Stored) -> str:
    return (
        f"<LastModified>{_moment(stored.modified)}</LastModified><ETag>&quot;{stored.tag}&quot;</ETag>"
        f"<Size>{stored.content.size}</Size><StorageClass>{stored.storage_class or 'STANDARD'}</StorageClass>"
    )


def _copied(stored: Stored) -> str:
    return f"<LastModified>{_moment(stored.modified)}</LastModified><ETag>&quot;{stored.tag}&quot;</ETag>"


def _truncated(more: bool) -> str:
    return f"<IsTruncated>{str(more).lower()}</IsTruncated>"
