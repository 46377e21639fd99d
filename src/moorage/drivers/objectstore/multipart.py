"""What S3 does by itself and obstore cannot ask for: uploads in parts that are copied."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from moorage.drivers.base import DriverError, PathNotFound, StorageFull, WriteRefused
from moorage.drivers.objectstore.parts import Range
from moorage.drivers.objectstore.sdk import s3_client
from moorage.drivers.objectstore.translation import forbids, full, meaning, reason

CONNECTIONS: Final = 32


class Multipart:
    """`client` holds the arguments of boto3's S3 client, `extra` those of each new object. Raises what boto3 raises; may be used
    by `CONNECTIONS` threads."""

    def __init__(self, bucket: str, client: Mapping[str, Any], extra: Mapping[str, str]) -> None:
        self._bucket = bucket
        self._arguments = client
        self._extra = extra

    @cached_property
    def _client(self) -> Any:
        return s3_client(self._arguments, connections=CONNECTIONS, silence_seconds=60)

    def copy_object(self, source: str, target: str) -> None:
        self._client.copy_object(
            Bucket=self._bucket, Key=target, CopySource=self._source(source), **self._extra
        )

    def begin(self, target: str) -> str:
        """The name of the upload."""
        answer = self._client.create_multipart_upload(Bucket=self._bucket, Key=target, **self._extra)
        return str(answer["UploadId"])

    def copy_part(self, target: str, upload: str, number: int, source: Range) -> str:
        """The part's tag."""
        given = {} if source.whole else {"CopySourceRange": f"bytes={source.start}-{source.stop - 1}"}
        answer = self._client.upload_part_copy(
            Bucket=self._bucket,
            Key=target,
            UploadId=upload,
            PartNumber=number,
            CopySource=self._source(source.source),
            **given,
        )
        return str(answer["CopyPartResult"]["ETag"])

    def put_part(self, target: str, upload: str, number: int, data: bytearray) -> str:
        """The part's tag."""
        answer = self._client.upload_part(
            Bucket=self._bucket, Key=target, UploadId=upload, PartNumber=number, Body=data
        )
        return str(answer["ETag"])

    def complete(self, target: str, upload: str, tags: Sequence[str]) -> None:
        """`tags` of all parts, in their order."""
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
        self._client.complete_multipart_upload(
            Bucket=self._bucket, Key=target, UploadId=upload, MultipartUpload={"Parts": parts}
        )

    def abort(self, target: str, upload: str) -> None:
        """Also one that is gone already."""
        try:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=target, UploadId=upload)
        except Exception as error:
            if code(error) not in ("NoSuchUpload", "404"):
                raise

    def give_up(self, target: str, upload: str) -> None:
        """As `abort`; does not raise: it is purged later, and what failed before is what counts."""
        with contextlib.suppress(Exception):
            self.abort(target, upload)

    def unfinished(self, prefix: str, before: float) -> list[tuple[str, str, float]]:
        """Keys, names and beginnings of those that began before that time. Every page is followed."""
        pages = self._client.get_paginator("list_multipart_uploads")
        uploads = [
            (upload["Key"], upload["UploadId"], upload["Initiated"].timestamp())
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix)
            for upload in page.get("Uploads", ())
        ]
        return [one for one in uploads if one[2] < before]

    def _source(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": key}


def code(error: Exception) -> str:
    """The store's, or nothing."""
    response = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def told(error: Exception, path: str) -> DriverError:
    """What boto3 raises when it was to write, in the driver's words."""
    if isinstance(error, DriverError):
        return error
    if code(error) in ("NoSuchKey", "404"):
        return PathNotFound(path)
    if full(code(error)):
        return StorageFull(path, meaning(code(error)))
    if forbids(code(error)):
        return WriteRefused(path, meaning(code(error)))
    return DriverError(path, meaning(code(error)) or reason(error))
