"""Listings of S3, and of Google, with boto3, which accepts every key as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import obstore

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.answers import explained
from moorage.drivers.objectstore.sdk import S3Clients
from moorage.drivers.threads import Threads


class S3Names:
    """Lists keys. Its methods raise DriverError."""

    def __init__(self, bucket: str, clients: S3Clients) -> None:
        self._bucket = bucket
        self._clients = clients
        self._threads = Threads(1)

    async def everything(self, prefix: str) -> Sequence[obstore.ObjectMeta]:
        return [
            {
                "path": one["Key"],
                "last_modified": one["LastModified"],
                "size": one["Size"],
                "e_tag": one.get("ETag"),
                "version": None,
            }
            for page in await self._pages(prefix)
            for one in page.get("Contents", ())
        ]

    async def level(self, prefix: str) -> Sequence[str]:
        names: list[str] = []
        for page in await self._pages(prefix, Delimiter="/"):
            names += [one["Prefix"] for one in page.get("CommonPrefixes", ())]
            names += [one["Key"] for one in page.get("Contents", ())]
        return names

    def close(self) -> None:
        self._threads.close()

    async def _pages(self, prefix: str, **more: str) -> list[Any]:
        try:
            return await self._threads.call(self._list, prefix, more)
        except Exception as error:
            raise DriverError(f"/{prefix}", explained(error)) from None

    def _list(self, prefix: str, more: dict[str, str]) -> list[Any]:
        pages = self._clients.prompt.get_paginator("list_objects_v2")
        return list(pages.paginate(Bucket=self._bucket, Prefix=prefix, **more))
