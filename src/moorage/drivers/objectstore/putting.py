"""Puts an object with one request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, Protocol

import obstore
from obstore.store import ObjectStore

from moorage.drivers.objectstore.sdk import failure, s3_client
from moorage.drivers.objectstore.translation import translated
from moorage.drivers.threads import Threads

PUTS_AT_ONCE: Final = 16


class Putter(Protocol):
    alone: bool
    """Whether no object may be made in another way, except by joining others."""

    async def put(self, key: str, path: str, data: bytes, metadata: Mapping[str, str]) -> None:
        """Put an object, replacing an older one. Raises StorageFull, WriteRefused, DriverError naming `path`."""
        ...

    def close(self) -> None: ...


class Plain:
    """Puts through obstore."""

    alone = False

    def __init__(self, store: ObjectStore, attributes: Mapping[str, str]) -> None:
        self._store = store
        self._attributes = attributes

    async def put(self, key: str, path: str, data: bytes, metadata: Mapping[str, str]) -> None:
        attributes = {**self._attributes, **metadata}
        with translated(path):
            await obstore.put_async(self._store, key, data, attributes=attributes, use_multipart=False)

    def close(self) -> None:
        return None


class WithAcl:
    """Puts into S3 through boto3, with a canned ACL: obstore signs no header for it. The ACL is part of the request, so no object is
    ever there without it, even after a crash.

    `client` holds the arguments of `sdk.s3_client`, `extra` those of each new object, among them `ACL`. Files below the folder `private`
    get no ACL, so S3 makes them private.
    """

    alone = True

    def __init__(
        self, bucket: str, client: Mapping[str, Any], extra: Mapping[str, str], private: str
    ) -> None:
        self._bucket = bucket
        self._arguments = client
        self._extra = extra
        self._private_extra = {name: value for name, value in extra.items() if name != "ACL"}
        self._private = f"{private}/" if private else ""
        self._threads = Threads(PUTS_AT_ONCE)

    async def put(self, key: str, path: str, data: bytes, metadata: Mapping[str, str]) -> None:
        private = self._private and path.startswith(self._private)
        extra = self._private_extra if private else self._extra
        try:
            await self._threads.call(self._put, key, data, metadata, extra)
        except Exception as error:
            raise failure(path, error) from None

    def _put(self, key: str, data: bytes, metadata: Mapping[str, str], extra: Mapping[str, str]) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=data, Metadata=dict(metadata), **extra)

    def close(self) -> None:
        self._threads.close()

    @cached_property
    def _client(self) -> Any:
        return s3_client(self._arguments, connections=PUTS_AT_ONCE, silence_seconds=15)
