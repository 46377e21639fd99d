"""A bucket of S3 as its owner sees it, behind the registry's back: every name is possible."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from tests.support.objectstores import S3

SECRET_NAME = "moorage/secret"
EVERYONE = "http://acs.amazonaws.com/groups/global/AllUsers"


@dataclass(frozen=True)
class Bucket:
    """What lies below `root`, a folder of the bucket; names are given without it."""

    store: S3
    root: str

    @cached_property
    def _client(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.store.endpoint,
            aws_access_key_id=self.store.access_key,
            aws_secret_access_key=self.store.secret_key,
            region_name=self.store.region,
        )

    def with_secret(self) -> Self:
        """As a server left it that was started there before: the next one need not wait for others that start, too."""
        self.put(SECRET_NAME, secrets.token_hex(32).encode())
        return self

    def names(self, below: str = "") -> list[str]:
        pages = self._client.get_paginator("list_objects_v2")
        prefix = f"{self.root}/{below}"
        found = pages.paginate(Bucket=self.store.bucket, Prefix=prefix)
        return [one["Key"][len(self.root) + 1 :] for page in found for one in page.get("Contents", ())]

    def put(self, name: str, data: bytes) -> None:
        self._client.put_object(Bucket=self.store.bucket, Key=f"{self.root}/{name}", Body=data)

    def get(self, name: str) -> bytes:
        found = self._client.get_object(Bucket=self.store.bucket, Key=f"{self.root}/{name}")
        data: bytes = found["Body"].read()
        return data

    def grants(self, name: str) -> set[tuple[str, str]]:
        """Who may do what with an object: groups by their address, accounts by their name."""
        found = self._client.get_object_acl(Bucket=self.store.bucket, Key=f"{self.root}/{name}")
        return {
            (one["Grantee"].get("URI") or one["Grantee"].get("ID", ""), one["Permission"])
            for one in found["Grants"]
        }

    def remove(self, name: str) -> None:
        self._client.delete_object(Bucket=self.store.bucket, Key=f"{self.root}/{name}")

    def begin(self, name: str) -> None:
        """A multipart upload that nobody will finish."""
        self._client.create_multipart_upload(Bucket=self.store.bucket, Key=f"{self.root}/{name}")

    def unfinished(self) -> list[str]:
        """Multipart uploads that were neither completed nor aborted."""
        found = self._client.list_multipart_uploads(Bucket=self.store.bucket, Prefix=f"{self.root}/")
        return [one["Key"][len(self.root) + 1 :] for one in found.get("Uploads", ())]


def blob_name(digest: str) -> str:
    hexadecimal = digest.partition(":")[2]
    return f"docker/registry/v2/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data"
