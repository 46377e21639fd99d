"""S3 joins by itself: a multipart upload whose parts are copied from other objects (UploadPartCopy), many at a time.

obstore cannot ask for that, so boto3 does, in threads. It is loaded when the first large upload is committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import obstore
from obstore.store import S3Store

from moorage.drivers.base import DriverError, PathNotFound
from moorage.drivers.objectstore.joining import Joiner, part_size
from moorage.drivers.objectstore.together import together
from moorage.drivers.objectstore.translation import meaning, reason, translated
from moorage.drivers.threads import Threads

COPY_BYTES: Final = 5 << 30
"""The largest object that is copied in one call, and the largest part."""

MOST_THREADS: Final = 32


@dataclass(frozen=True)
class Copying:
    """`client` holds the arguments of boto3's S3 client; `extra` those of each new object. `threshold`: a larger object is
    copied in parts of `part_bytes`, `concurrency` at a time."""

    bucket: str
    client: dict[str, Any]
    extra: dict[str, str] = field(default_factory=dict)
    part_bytes: int = 32 << 20
    concurrency: int = 16
    threshold: int = 32 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """`[start, stop)` of one object."""

    number: int
    source: str
    start: int
    stop: int


def parts(sources: Sequence[tuple[str, int]], size: int) -> list[Part] | None:
    """Equal parts of `size` bytes, the last one excepted; None when one of them would lie in two objects."""
    found: list[Part] = []
    for index, (source, length) in enumerate(sources):
        if length % size and index < len(sources) - 1:
            return None
        for start in range(0, length, size):
            found.append(Part(len(found) + 1, source, start, min(start + size, length)))
    return found


class PartCopies:
    """Copies on the store's side what can be; `otherwise` joins the rest: segments that end in the middle of a part."""

    def __init__(self, store: S3Store, copying: Copying, otherwise: Joiner) -> None:
        self._store = store
        self._copying = copying
        self._otherwise = otherwise
        self._threads = Threads(min(copying.concurrency, MOST_THREADS))

    async def join(self, sources: Sequence[tuple[str, int]], target: str, path: str) -> None:
        size = sum(length for _, length in sources)
        if len(sources) == 1 and size <= min(self._copying.threshold, COPY_BYTES):
            with translated(path):
                return await obstore.copy_async(self._store, sources[0][0], target)
        found = parts(sources, part_size(size, self._copying.part_bytes))
        if found is None:
            return await self._otherwise.join(sources, target, path)
        try:
            await self._copy(found, target)
        except Exception as error:
            raise _told(error, path) from None

    async def _copy(self, found: Sequence[Part], target: str) -> None:
        upload = await self._threads.call(self._create, target)
        try:
            tags = await together(self._threads.call(self._copy_part, target, upload, part) for part in found)
            await self._threads.call(self._complete, target, upload, tags)
        except BaseException:
            await self._threads.call(self._abort, target, upload)
            raise

    # In worker threads

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        arguments = dict(self._copying.client)
        style = arguments.pop("addressing_style")
        config = Config(
            s3={"addressing_style": style},
            max_pool_connections=MOST_THREADS,
            retries={"max_attempts": 5, "mode": "standard"},
            connect_timeout=5,
            read_timeout=60,
        )
        return boto3.client("s3", config=config, **arguments)

    def _create(self, target: str) -> str:
        answer = self._client.create_multipart_upload(
            Bucket=self._copying.bucket, Key=target, **self._copying.extra
        )
        return str(answer["UploadId"])

    def _copy_part(self, target: str, upload: str, part: Part) -> str:
        answer = self._client.upload_part_copy(
            Bucket=self._copying.bucket,
            Key=target,
            UploadId=upload,
            PartNumber=part.number,
            CopySource={"Bucket": self._copying.bucket, "Key": part.source},
            CopySourceRange=f"bytes={part.start}-{part.stop - 1}",
        )
        return str(answer["CopyPartResult"]["ETag"])

    def _complete(self, target: str, upload: str, tags: Sequence[str]) -> None:
        self._client.complete_multipart_upload(
            Bucket=self._copying.bucket,
            Key=target,
            UploadId=upload,
            MultipartUpload={
                "Parts": [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
            },
        )

    def _abort(self, target: str, upload: str) -> None:
        try:
            self._client.abort_multipart_upload(Bucket=self._copying.bucket, Key=target, UploadId=upload)
        except Exception:  # noqa: S110 - it is purged later; what failed before is what counts
            pass

    def _unfinished(self, prefix: str, before: float, abort: bool) -> list[tuple[str, float]]:
        """Every page is followed."""
        found = []
        pages = self._client.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=self._copying.bucket, Prefix=prefix):
            for upload in page.get("Uploads", ()):
                begun = upload["Initiated"].timestamp()
                if begun < before:
                    found.append((upload["Key"], begun))
                    if abort:
                        self._abort(upload["Key"], upload["UploadId"])
        return found

    async def abandoned(self, prefix: str, before: float, *, abort: bool) -> list[tuple[str, float]]:
        try:
            return await self._threads.call(self._unfinished, prefix, before, abort)
        except Exception as error:
            raise _told(error, prefix) from None

    def close(self) -> None:
        self._threads.close()


def _told(error: Exception, path: str) -> Exception:
    response = getattr(error, "response", {})
    code = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    if code in ("NoSuchKey", "404"):
        return PathNotFound(path)
    return DriverError(path, meaning(code) or reason(error))
