"""Cloud Storage's XML API in front of fake-gcs-server, whose own knows reads only; it stores by the JSON API.

Generations, conditions, entity tags, times, the order of names, pages, ranges and what is missing are the server's. The front
keeps multipart uploads, which the JSON API has not: their parts are objects of a second bucket, and the server composes them. Who
signs, and whether rightly, is not looked at.
"""

from __future__ import annotations

import http.server
import re
from collections.abc import Callable
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.support.gcsjson import Attributes, JsonApi, Refused
from tests.support.gcsuploads import Uploads, XmlError
from tests.support.threaded import ThreadedServer

PAGE = 10
"""The most objects of a page. Google's have up to a thousand, and may have fewer; so most listings of tests have several."""

META = "x-goog-meta-"
PIECE = 1 << 18
_OF_CLIENT = frozenset({"host", "connection"})
_OF_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding"})
_CONTROL = re.compile(r"[\x00-\x1f]")


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection. Each method of HTTP tells the operations apart by the query."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self._api = JsonApi(self.server.upstream)

    def finish(self) -> None:
        self._api.close()
        super().finish()

    def do_GET(self) -> None:
        self._answered(
            self._uploads if self._has("uploads") else self._list if self._has("list-type") else self._read
        )

    def do_HEAD(self) -> None:
        self._answered(self._read)

    def do_PUT(self) -> None:
        copied = self.headers.get("x-goog-copy-source")
        self._answered(self._put_part if self._has("uploadId") else self._copy if copied else self._put)

    def do_POST(self) -> None:
        self._answered(
            self._begin
            if self._has("uploads")
            else self._complete
            if self._has("uploadId")
            else self._unknown
        )

    def do_DELETE(self) -> None:
        self._answered(self._abort if self._has("uploadId") else self._remove)

    # Objects

    def _read(self) -> None:
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _OF_CLIENT}
        response = self._api.read(self.command, self._bucket, self._key, urlsplit(self.path).query, kept)
        if response.status == 404:
            raise Refused(404, response.read())
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() not in _OF_CONNECTION:
                self.send_header(name, value)
        self.end_headers()
        while piece := response.read(PIECE):
            self.wfile.write(piece)

    def _put(self) -> None:
        stored = self._api.upload(
            self._bucket,
            self._key,
            self._body(),
            self._attributes,
            self.headers.get("x-goog-if-generation-match", ""),
        )
        self._send(200, headers={"ETag": f'"{stored["etag"]}"', "x-goog-generation": stored["generation"]})

    def _copy(self) -> None:
        if "x-goog-if-generation-match" in self.headers:
            # fake-gcs-server would copy without looking at it.
            raise XmlError(501, "NotImplemented", "a copy with a condition")
        bucket, _, key = unquote(self.headers["x-goog-copy-source"]).removeprefix("/").partition("/")
        stored = self._api.copy((bucket, key), (self._bucket, self._key))
        self._xml(
            f"<CopyObjectResult><LastModified>{stored['updated']}</LastModified>"
            f"<ETag>&quot;{stored['etag']}&quot;</ETag></CopyObjectResult>"
        )

    def _remove(self) -> None:
        self._api.delete(self._bucket, self._key)
        self._send(204)

    def _list(self) -> None:
        after, token = self._asked("start-after"), unquote(self._asked("continuation-token"))
        page = self._api.listed(
            self._bucket,
            prefix=self._asked("prefix"),
            delimiter=self._asked("delimiter"),
            # The JSON API begins with it, the XML API behind it.
            startOffset=f"{after}\0" if after else "",
            pageToken=token,
            maxResults=str(min(PAGE, int(self._asked("max-keys") or PAGE))),
        )
        following = page.get("nextPageToken", "")
        shown = "".join(
            f"<Contents>{self._named(one['name'])}<Generation>{one['generation']}</Generation>"
            f"<LastModified>{one['updated']}</LastModified><ETag>&quot;{one['etag']}&quot;</ETag>"
            f"<Size>{one['size']}</Size></Contents>"
            for one in page.get("items", ())
        )
        # Each page has all that follow.
        prefixes = [one for one in page.get("prefixes", ()) if not following or one < following]
        shown += "".join(
            f"<CommonPrefixes><Prefix>{self._coded(one)}</Prefix></CommonPrefixes>" for one in prefixes
        )
        if following:
            shown += f"<NextContinuationToken>{quote(following)}</NextContinuationToken>"
        self._xml(f"<ListBucketResult>{_truncated(bool(following))}{shown}</ListBucketResult>")

    # Uploads in parts

    def _begin(self) -> None:
        if not self._api.has_bucket(self._bucket):
            raise Refused(404, b"")
        name = self.server.uploads.begin(self._bucket, self._key, self._attributes)
        self._xml(
            f"<InitiateMultipartUploadResult><Bucket>{self._bucket}</Bucket>{self._named(self._key)}"
            f"<UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
        )

    def _put_part(self) -> None:
        tag = self.server.uploads.put(
            self._api, self._place, int(self._asked("partNumber") or 0), self._body()
        )
        self._send(200, headers={"ETag": f'"{tag}"'})

    def _complete(self) -> None:
        given = [
            (int(part.findtext("{*}PartNumber") or 0), (part.findtext("{*}ETag") or "").strip('"'))
            for part in ElementTree.fromstring(self._body()).findall("{*}Part")
        ]
        stored = self.server.uploads.complete(self._api, self._place, given)
        self._xml(
            f"<CompleteMultipartUploadResult><Bucket>{self._bucket}</Bucket>{self._named(self._key)}"
            f"<ETag>&quot;{stored['etag']}&quot;</ETag></CompleteMultipartUploadResult>",
            headers={"x-goog-generation": stored["generation"]},
        )

    def _abort(self) -> None:
        self.server.uploads.abort(self._api, self._place)
        self._send(204)

    def _uploads(self) -> None:
        after = (self._asked("key-marker"), self._asked("upload-id-marker"))
        most = min(PAGE, int(self._asked("max-uploads") or PAGE))
        found = self.server.uploads.listed(self._bucket, self._asked("prefix"), after)
        shown = "".join(
            f"<Upload>{self._named(one.key)}<UploadId>{name}</UploadId>"
            f"<Initiated>{one.begun:%Y-%m-%dT%H:%M:%S.%fZ}</Initiated></Upload>"
            for name, one in found[:most]
        )
        if more := len(found) > most:
            name, last = found[most - 1]
            shown += f"<NextKeyMarker>{self._coded(last.key)}</NextKeyMarker>"
            shown += f"<NextUploadIdMarker>{name}</NextUploadIdMarker>"
        self._xml(f"<ListMultipartUploadsResult>{_truncated(more)}{shown}</ListMultipartUploadsResult>")

    # Requests

    @property
    def _bucket(self) -> str:
        return unquote(urlsplit(self.path).path[1:].partition("/")[0])

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path[1:].partition("/")[2])

    @property
    def _place(self) -> tuple[str, str, str]:
        return self._bucket, self._key, self._asked("uploadId")

    @property
    def _attributes(self) -> Attributes:
        given = {name.lower(): value for name, value in self.headers.items()}
        metadata = {name[len(META) :]: value for name, value in given.items() if name.startswith(META)}
        return Attributes(given.get("content-type", Attributes.content_type), metadata)

    def _has(self, name: str) -> bool:
        return name in self._query

    def _asked(self, name: str) -> str:
        return self._query.get(name, [""])[0]

    @property
    def _query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

    def _body(self) -> bytes:
        if "content-length" not in self.headers or "content-encoding" in self.headers:
            raise XmlError(501, "NotImplemented", "only bodies with a length, and not encoded")
        length = int(self.headers["content-length"])
        data = self.rfile.read(length)
        if len(data) != length:
            raise ConnectionResetError("half a body")
        return data

    def _unknown(self) -> None:
        raise XmlError(501, "NotImplemented", f"{self.command} {self.path}")

    # Answers

    def _answered(self, operation: Callable[[], None]) -> None:
        try:
            operation()
        except XmlError as error:
            self._failed(error)
        except Refused as error:
            self._failed(self._worded(error))

    def _worded(self, error: Refused) -> XmlError:
        """What the XML API says (Cloud Storage, "HTTP status and error codes for XML")."""
        if error.status == 404:
            there = self._key and self._api.has_bucket(self._bucket)
            return XmlError(404, "NoSuchKey" if there else "NoSuchBucket", str(error))
        if error.status == 412:
            return XmlError(412, "PreconditionFailed", str(error))
        return XmlError(
            error.status, "InvalidArgument" if error.status < 500 else "InternalError", str(error)
        )

    def _failed(self, error: XmlError) -> None:
        # What is left of the body would be taken for the next request.
        self.close_connection = True
        text = f"<Error><Code>{error.code}</Code><Message>{self._coded(str(error))}</Message></Error>"
        self._xml(text, error.status)

    def _xml(self, text: str, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode()
        self._send(status, data, {"Content-Type": "application/xml", **(headers or {})})

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _coded(self, text: str) -> str:
        if self._asked("encoding-type") == "url":
            return quote(text)
        return _CONTROL.sub(lambda found: f"&#{ord(found[0])};", escape(text))

    def _named(self, key: str) -> str:
        return f"<Key>{self._coded(key)}</Key>"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return None


class Server(ThreadedServer):
    """`upstream` is the address of fake-gcs-server."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.uploads = Uploads()
        super().__init__(Handler)


def _truncated(more: bool) -> str:
    return f"<IsTruncated>{str(more).lower()}</IsTruncated>"
