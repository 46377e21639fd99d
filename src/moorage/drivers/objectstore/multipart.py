"""Requests of S3 that obstore has no call for, through boto3: multipart uploads whose parts S3 copies itself, and objects with
an ACL."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.answers import code, status, told
from moorage.drivers.objectstore.parts import Range
from moorage.drivers.objectstore.sdk import S3Clients


class NoPartCopies(DriverError):
    """The store does not copy parts of objects."""


class Multipart:
    """Calls boto3, and raises what it raises, and DriverError for an answer that is not the store's. `extra` holds the arguments of each
    new object."""

    def __init__(self, bucket: str, clients: S3Clients, extra: Mapping[str, str]) -> None:
        self._bucket = bucket
        self._clients = clients
        self._extra = extra

    def put_object(self, target: str, data: bytes, metadata: Mapping[str, str]) -> None:
        answer = self._clients.prompt.put_object(
            Bucket=self._bucket, Key=target, Body=data, Metadata=dict(metadata), **self._extra
        )
        told(answer, "ETag")

    def copy_object(self, source: str, target: str) -> None:
        self._clients.patient.copy_object(
            Bucket=self._bucket, Key=target, CopySource=self._source(source), **self._extra
        )

    def begin(self, target: str) -> str:
        """Begin an upload and return its id."""
        answer = self._clients.prompt.create_multipart_upload(Bucket=self._bucket, Key=target, **self._extra)
        return told(answer, "UploadId")

    def copy_part(self, target: str, upload: str, number: int, source: Range) -> str:
        """Copy a part and return its entity tag. Raises NoPartCopies: some services refuse the call, and rclone, which does
        not know it, takes it for an empty part and answers without a tag."""
        given = {} if source.whole else {"CopySourceRange": f"bytes={source.start}-{source.stop - 1}"}
        try:
            answer = self._clients.patient.upload_part_copy(
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

    def put_part(self, target: str, upload: str, number: int, data: bytes | bytearray) -> str:
        """Send a part and return its entity tag."""
        answer = self._clients.patient.upload_part(
            Bucket=self._bucket, Key=target, UploadId=upload, PartNumber=number, Body=data
        )
        return told(answer, "ETag")

    def complete(self, target: str, upload: str, tags: Sequence[str]) -> None:
        """Complete an upload, with the entity tags of all parts in order."""
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
        self._clients.patient.complete_multipart_upload(
            Bucket=self._bucket, Key=target, UploadId=upload, MultipartUpload={"Parts": parts}
        )

    def abort(self, target: str, upload: str) -> None:
        """Abort an upload, even if it is already gone."""
        try:
            self._clients.prompt.abort_multipart_upload(Bucket=self._bucket, Key=target, UploadId=upload)
        except Exception as error:
            if code(error) != "NoSuchUpload" and status(error) != 404:
                raise

    def give_up(self, target: str, upload: str) -> None:
        """Like `abort`, but never raises: the earlier error is the one that matters, and leftovers are purged later."""
        with contextlib.suppress(Exception):
            self.abort(target, upload)

    def unfinished(self, prefix: str, before: float) -> list[tuple[str, str, float]]:
        """The key, id and beginning of each upload with that prefix that began before that time, from all pages of the listing.

        MinIO lists uploads for a whole key or for no prefix only. So where there is none with the prefix, all of the bucket are
        listed: that is one call more, and one per thousand of those that others have begun in it."""
        found = self._listed(prefix)
        if not found and prefix:
            try:
                found = [one for one in self._listed("") if one[0].startswith(prefix)]
            except Exception as error:
                # The right may be given for the prefix only. The store has answered about that.
                if status(error) != 403:
                    raise
        return [one for one in found if one[2] < before]

    def _listed(self, prefix: str) -> list[tuple[str, str, float]]:
        pages = self._clients.prompt.get_paginator("list_multipart_uploads")
        uploads: list[tuple[str, str, float]] = []
        try:
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for upload in page.get("Uploads", ()):
                    uploads.append((upload["Key"], upload["UploadId"], upload["Initiated"].timestamp()))
        except Exception as error:
            # That is what rclone says where no upload was ever begun.
            if code(error) != "NoSuchUpload":
                raise
        return uploads

    def _source(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": key}
