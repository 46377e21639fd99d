"""A bucket that keeps nothing of zeros and holds its clients to every limit of S3.

It lives in the process of the test, which may look at all it has, and change its limits and its habits at any time.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tests.support.sparse import Content

T = TypeVar("T")
GIB = 1 << 30
MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Of S3 (User Guide, "Amazon S3 multipart upload limits"), in bytes and numbers. `equal_parts`: all but the last, as
    Cloudflare's R2 wants them."""

    parts: int = 10_000
    least_part: int = 5 * MIB
    sent: int = 5 * GIB
    copied: int = 5 * GIB
    page: int = 1000
    removed: int = 1000
    equal_parts: bool = True


class S3Error(Exception):
    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message or code


@dataclass(frozen=True)
class Stored:
    """An object, or a part of one."""

    content: Content
    tag: str
    storage_class: str = ""
    modified: float = field(default_factory=time.time)


@dataclass
class Upload:
    """A multipart upload. `parts` by their numbers."""

    key: str
    name: str
    storage_class: str = ""
    begun: float = field(default_factory=time.time)
    parts: dict[int, Stored] = field(default_factory=dict)


class SparseS3:
    """What the bucket does; every method may be called by several threads.

    `completed` has the sizes of the parts of each upload that was completed, by key; `short_copies` makes copies lose their second
    half, and be acknowledged all the same.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.short_copies = False
        self.objects: dict[str, Stored] = {}
        self.uploads: dict[str, Upload] = {}
        self.completed: dict[str, list[int]] = {}
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)

    # Objects

    def put(self, key: str, content: Content, storage_class: str = "") -> Stored:
        self._sendable(content)
        with self._lock:
            self.objects[key] = Stored(content, self._tag(), storage_class)
            return self.objects[key]

    def get(self, key: str) -> Stored:
        found = self.objects.get(key)
        if found is None:
            raise S3Error(404, "NoSuchKey")
        return found

    def copy(self, source: str, key: str, storage_class: str = "") -> Stored:
        """The storage class is not copied (S3 API Reference, "CopyObject")."""
        content = self.get(source).content
        if content.size > self.limits.copied:
            raise S3Error(
                400, "InvalidRequest", "The specified copy source is larger than the maximum allowable size"
            )
        with self._lock:
            self.objects[key] = Stored(self._copied(content), self._tag(), storage_class)
            return self.objects[key]

    def remove(self, keys: Sequence[str]) -> None:
        if len(keys) > self.limits.removed:
            raise S3Error(400, "MalformedXML", f"more than {self.limits.removed} keys")
        with self._lock:
            for key in keys:
                self.objects.pop(key, None)

    def listed(self, prefix: str, delimiter: str, after: str, most: int) -> tuple[list[str], list[str], str]:
        """Keys, common prefixes, and where the next page goes on: empty on the last one."""
        with self._lock:
            keys = sorted(key for key in self.objects if key.startswith(prefix))
        names: dict[str, bool] = {}
        for key in keys:
            name, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            shown = f"{prefix}{name}{delimiter}" if found else key
            if shown > after:
                names[shown] = bool(found)
        page, following = self._page(list(names), most)
        return [n for n in page if not names[n]], [n for n in page if names[n]], page[-1] if following else ""

    # Uploads in parts

    def begin(self, key: str, storage_class: str = "") -> Upload:
        with self._lock:
            upload = Upload(key, f"{next(self._numbers):012x}", storage_class)
            self.uploads[upload.name] = upload
            return upload

    def upload(self, name: str) -> Upload:
        found = self.uploads.get(name)
        if found is None:
            raise S3Error(404, "NoSuchUpload")
        return found

    def put_part(self, name: str, number: int, content: Content) -> Stored:
        self._sendable(content)
        upload = self.upload(name)
        if not 1 <= number <= self.limits.parts:
            raise S3Error(
                400, "InvalidArgument", f"Part number must be between 1 and {self.limits.parts}, inclusive"
            )
        with self._lock:
            upload.parts[number] = Stored(content, self._tag())
            return upload.parts[number]

    def copy_part(self, name: str, number: int, source: str, given: tuple[int, int] | None) -> Stored:
        """`given` is `[start, stop)`, for sources of more than 5 MiB only (S3 API Reference, "UploadPartCopy")."""
        content = self.get(source).content
        if given is not None:
            if content.size <= self.limits.least_part:
                raise S3Error(
                    400,
                    "InvalidRequest",
                    "The specified copy source is not supported as a byte-range copy source",
                )
            if given[1] > content.size:
                raise S3Error(
                    400, "InvalidArgument", f"Range is not valid for a source of {content.size} bytes"
                )
            content = content.cut(*given)
        if content.size > self.limits.copied:
            raise S3Error(
                400, "InvalidRequest", "The specified copy source is larger than the maximum allowable size"
            )
        return self.put_part(name, number, self._copied(content))

    def complete(self, name: str, given: Sequence[tuple[int, str]]) -> Stored:
        """`given` are numbers of parts with their tags."""
        upload = self.upload(name)
        numbers = [number for number, _ in given]
        if not given:
            raise S3Error(400, "MalformedXML")
        if numbers != sorted(set(numbers)):
            raise S3Error(400, "InvalidPartOrder")
        with self._lock:
            parts = [upload.parts.get(number) for number in numbers]
            if any(part is None or part.tag != tag for part, (_, tag) in zip(parts, given, strict=True)):
                raise S3Error(400, "InvalidPart")
            contents = [part.content for part in parts if part is not None]
            self._fitting([one.size for one in contents])
            del self.uploads[name]
            self.completed[upload.key] = [one.size for one in contents]
            self.objects[upload.key] = Stored(Content.joined(contents), self._tag(), upload.storage_class)
            return self.objects[upload.key]

    def abort(self, name: str) -> None:
        with self._lock:
            self.upload(name)
            del self.uploads[name]

    def unfinished(self, prefix: str, after: tuple[str, str], most: int) -> tuple[list[Upload], bool]:
        """By key and name; and whether there are more."""
        with self._lock:
            found = [one for one in self.uploads.values() if one.key.startswith(prefix)]
        return self._page(sorted((one for one in found if _place(one) > after), key=_place), most)

    # Rules

    def _page(self, found: list[T], most: int) -> tuple[list[T], bool]:
        length = min(most, self.limits.page)
        return found[:length], len(found) > length

    def _sendable(self, content: Content) -> None:
        if content.size > self.limits.sent:
            raise S3Error(400, "EntityTooLarge")

    def _fitting(self, sizes: list[int]) -> None:
        if any(size < self.limits.least_part for size in sizes[:-1]):
            raise S3Error(400, "EntityTooSmall")
        if self.limits.equal_parts and (len(set(sizes[:-1])) > 1 or sizes[-1] > sizes[0]):
            raise S3Error(400, "InvalidPart", "All non-trailing parts must have the same length.")

    def _copied(self, content: Content) -> Content:
        return content.cut(0, content.size // 2) if self.short_copies else content

    def _tag(self) -> str:
        with self._lock:
            return f"{next(self._numbers):032x}"


def _place(upload: Upload) -> tuple[str, str]:
    return upload.key, upload.name
