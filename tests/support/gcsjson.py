"""A client of the JSON API of Cloud Storage, as far as fake-gcs-server has it (Cloud Storage, "JSON API reference")."""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

SECONDS = 60.0
PUBLIC = "storage.googleapis.com"
"""The host at whose address fake-gcs-server answers reads as the XML API does."""


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status} {body.decode(errors='replace')[:300]}")
        self.status = status


@dataclass(frozen=True)
class Attributes:
    """What is stored with the bytes of an object."""

    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)

    def resource(self) -> dict[str, object]:
        return {"contentType": self.content_type, "metadata": dict(self.metadata)}


class JsonApi:
    """One connection to the server at an address, for one thread. All methods but `read` raise Refused; where one answers with an
    object, it is the object's resource."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=SECONDS)

    def close(self) -> None:
        self._connection.close()

    def read(
        self, method: str, bucket: str, name: str, query: str, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        """GET or HEAD in the words of the XML API; the answer as it comes, also an error. It has to be read to its end."""
        target = f"/{_path(bucket)}/{_path(name)}" + (f"?{query}" if query else "")
        self._connection.request(method, target, headers={**headers, "Host": PUBLIC})
        return self._connection.getresponse()

    def has_bucket(self, bucket: str) -> bool:
        try:
            self._asked("GET", f"/storage/v1/b/{_path(bucket)}")
        except Refused as error:
            if error.status != 404:
                raise
            return False
        return True

    def make_bucket(self, bucket: str) -> None:
        self._asked("POST", "/storage/v1/b", {"name": bucket})

    def upload(
        self, bucket: str, name: str, data: bytes, attributes: Attributes, generation: str = ""
    ) -> dict[str, Any]:
        """With `generation`, only if that is the object's; 0 stands for none. Uploads of the type `media` would not be held to it."""
        asked = {"uploadType": "multipart", "name": name} | (
            {"ifGenerationMatch": generation} if generation else {}
        )
        boundary = secrets.token_hex(16)
        first = (
            f"--{boundary}\r\nContent-Type: application/json\r\n\r\n{json.dumps(attributes.resource())}\r\n"
        )
        second = f"--{boundary}\r\nContent-Type: {attributes.content_type}\r\n\r\n"
        body = b"".join((first.encode(), second.encode(), data, f"\r\n--{boundary}--\r\n".encode()))
        return self._asked(
            "POST",
            f"/upload/storage/v1/b/{_path(bucket)}/o?{urlencode(asked)}",
            body,
            f"multipart/related; boundary={boundary}",
        )

    def copy(
        self, source: tuple[str, str], target: tuple[str, str], attributes: Attributes | None = None
    ) -> dict[str, Any]:
        """From a bucket and a name to others. Without attributes those of the source are kept."""
        path = f"{_object(*source)}/rewriteTo/b/{_path(target[0])}/o/{_path(target[1])}"
        token = ""
        while True:
            more = f"?{urlencode({'rewriteToken': token})}" if token else ""
            done = self._asked("POST", path + more, attributes.resource() if attributes else {})
            if done["done"]:
                resource: dict[str, Any] = done["resource"]
                return resource
            token = done["rewriteToken"]

    def compose(self, bucket: str, sources: Sequence[str], target: str) -> dict[str, Any]:
        """Join up to 32 objects to another one."""
        asked: dict[str, object] = {
            "sourceObjects": [{"name": name} for name in sources],
            "destination": {},
        }
        return self._asked("POST", f"{_object(bucket, target)}/compose", asked)

    def delete(self, bucket: str, name: str) -> None:
        self._asked("DELETE", _object(bucket, name))

    def listed(self, bucket: str, **asked: str) -> dict[str, Any]:
        """A page: `items`, `prefixes` and `nextPageToken`, each only if there is any."""
        return self._asked("GET", f"/storage/v1/b/{_path(bucket)}/o?{urlencode(asked)}")

    def _asked(
        self, method: str, target: str, body: object = None, kind: str = "application/json"
    ) -> dict[str, Any]:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        self._connection.request(method, target, data, {} if data is None else {"Content-Type": kind})
        response = self._connection.getresponse()
        answer = response.read()
        if response.status >= 300:
            raise Refused(response.status, answer)
        said: dict[str, Any] = json.loads(answer) or {}
        return said


def _object(bucket: str, name: str) -> str:
    return f"/storage/v1/b/{_path(bucket)}/o/{_path(name)}"


def _path(name: str) -> str:
    return quote(name, safe="")
