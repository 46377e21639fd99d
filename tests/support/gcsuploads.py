"""Multipart uploads over the JSON API: parts are objects of a bucket of their own, and are composed (Cloud Storage, "XML API
multipart uploads", "Composite objects")."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.support.gcsjson import Attributes, JsonApi

PARTS = "parts-of-uploads"
"""The bucket, which has to be there."""

LEAST_PART = 5 << 20
"""Of all parts but the last."""

MOST_PARTS = 10_000
MOST_SOURCES = 4
"""Of one call that composes. It takes up to 32; with fewer, uploads of tests take several steps."""

Place = tuple[str, str, str]
"""The bucket and the key that an upload is for, and its name."""


class XmlError(Exception):
    """An answer of the XML API that is an error."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.status = status
        self.code = code


@dataclass
class Upload:
    """`parts` has the entity tag and the size of each, by its number."""

    bucket: str
    key: str
    attributes: Attributes
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    parts: dict[int, tuple[str, int]] = field(default_factory=dict)


class Uploads:
    """Those that were neither completed nor aborted, for any number of threads. Raises XmlError, and Refused where the store is asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: dict[str, Upload] = {}

    def begin(self, bucket: str, key: str, attributes: Attributes) -> str:
        name = secrets.token_hex(16)
        with self._lock:
            self._begun[name] = Upload(bucket, key, attributes)
        return name

    def put(self, api: JsonApi, place: Place, number: int, data: bytes) -> str:
        """The part's entity tag. It replaces an earlier one with its number."""
        upload = self._found(place)
        if not 1 <= number <= MOST_PARTS:
            raise XmlError(400, "InvalidArgument", f"part {number}")
        tag = str(api.upload(PARTS, _part(place[2], number), data, Attributes())["etag"])
        with self._lock:
            upload.parts[number] = (tag, len(data))
        return tag

    def complete(self, api: JsonApi, place: Place, given: Sequence[tuple[int, str]]) -> dict[str, Any]:
        """The object's resource, of the parts with those numbers and entity tags."""
        upload = self._found(place)
        _check(upload, given)
        self._take(place)
        names = [_part(place[2], number) for number, _ in given]
        step = 0
        while len(names) > 1:
            step += 1
            groups = [names[at : at + MOST_SOURCES] for at in range(0, len(names), MOST_SOURCES)]
            names = [f"{place[2]}/step {step}/{number:05}" for number in range(len(groups))]
            for group, name in zip(groups, names, strict=True):
                api.compose(PARTS, group, name)
        stored = api.copy((PARTS, names[0]), (upload.bucket, upload.key), upload.attributes)
        _clear(api, place[2])
        return stored

    def abort(self, api: JsonApi, place: Place) -> None:
        self._take(place)
        _clear(api, place[2])

    def listed(self, bucket: str, prefix: str, after: tuple[str, str]) -> list[tuple[str, Upload]]:
        """By key and name, from behind those."""
        with self._lock:
            found = [
                (name, one)
                for name, one in self._begun.items()
                if one.bucket == bucket and one.key.startswith(prefix) and (one.key, name) > after
            ]
        return sorted(found, key=lambda pair: (pair[1].key, pair[0]))

    def _found(self, place: Place) -> Upload:
        with self._lock:
            upload = self._begun.get(place[2])
        if upload is None or (upload.bucket, upload.key) != place[:2]:
            raise XmlError(404, "NoSuchUpload")
        return upload

    def _take(self, place: Place) -> None:
        self._found(place)
        with self._lock:
            if self._begun.pop(place[2], None) is None:
                raise XmlError(404, "NoSuchUpload")


def _check(upload: Upload, given: Sequence[tuple[int, str]]) -> None:
    if not given:
        raise XmlError(400, "MalformedCompleteMultipartUploadRequest")
    numbers = [number for number, _ in given]
    if numbers != sorted(set(numbers)):
        raise XmlError(400, "InvalidPartOrder")
    for number, tag in given:
        if upload.parts.get(number, ("", 0))[0] != tag:
            raise XmlError(400, "InvalidPart", f"part {number}")
    for number in numbers[:-1]:
        if upload.parts[number][1] < LEAST_PART:
            raise XmlError(400, "EntityTooSmall", f"part {number}")


def _part(name: str, number: int) -> str:
    return f"{name}/{number:05}"


def _clear(api: JsonApi, name: str) -> None:
    while found := api.listed(PARTS, prefix=f"{name}/").get("items"):
        for one in found:
            api.delete(PARTS, one["name"])
