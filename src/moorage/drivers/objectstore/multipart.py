"""Multipart uploads whose parts are copied by S3 itself, through boto3: obstore has no call for them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.parts import Range
from moorage.drivers.objectstore.sdk import code, s3_client

CONNECTIONS: Final = 32


class NoPartCopies(DriverError):
    """The store does not copy parts of objects."""


class Multipart:
    """Calls boto3, and raises what it raises. May be used by up to `CONNECTIONS` threads.

    `client` holds the arguments of `sdk.s3_client`, `extra` those of each new object.
    """

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
        """Begin an upload and return its id."""
        answer = self._client.create_multipart_upload(Bucket=self._bucket, Key=target, **self._extra)
        return str(answer["UploadId"])

    def copy_part(self, target: str, upload: str, number: int, source: Range) -> str:
        """Copy a part and return its entity tag. Raises NoPartCopies: some services refuse the call, and rclone, which does
        not know it, takes it for an empty part and answers without a tag."""
        given = {} if source.whole else {"CopySourceRange": f"bytes={source.start}-{source.stop - 1}"}
        try:
            answer = self._client.upload_part_copy(
                Bucket=self._bucket,
                Key=target,
                UploadId=upload,
                PartNumber=number,
                CopySource=self._source(source.source),
                **given,
            )
        except Exception as error:
            if code(error) == "NotImplemented":
                raise NoPartCopies(target) from None
            raise
        tag = answer.get("CopyPartResult", {}).get("ETag")
        if tag is None:
            raise NoPartCopies(target)
        return str(tag)

    def put_part(self, target: str, upload: str, number: int, data: bytearray) -> str:
        """Send a part and return its entity tag."""
        answer = self._client.upload_part(
            Bucket=self._bucket, Key=target, UploadId=upload, PartNumber=number, Body=data
        )
        return str(answer["ETag"])

    def complete(self, target: str, upload: str, tags: Sequence[str]) -> None:
        """Complete an upload, with the entity tags of all parts in order."""
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
        self._client.complete_multipart_upload(
            Bucket=self._bucket, Key=target, UploadId=upload, MultipartUpload={"Parts": parts}
        )

    def abort(self, target: str, upload: str) -> None:
        """Abort an upload, even if it is already gone."""
        try:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=target, UploadId=upload)
        except Exception as error:
            if code(error) not in ("NoSuchUpload", "404"):
                raise

    def give_up(self, target: str, upload: str) -> None:
        """Like `abort`, but never raises: the earlier error is the one that matters, and leftovers are purged later."""
        with contextlib.suppress(Exception):
            self.abort(target, upload)

    def unfinished(self, prefix: str, before: float) -> list[tuple[str, str, float]]:
        """The key, id and beginning of each upload that began before that time, from all pages of the listing."""
        pages = self._client.get_paginator("list_multipart_uploads")
        uploads = [
            (upload["Key"], upload["UploadId"], upload["Initiated"].timestamp())
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix)
            for upload in page.get("Uploads", ())
        ]
        return [one for one in uploads if one[2] < before]

    def _source(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": key}
