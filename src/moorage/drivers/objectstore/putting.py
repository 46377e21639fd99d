"""Sends the bytes of new objects to the store: the interface, and obstore's way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import obstore
from obstore.store import ObjectStore

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.translation import translated


class Sink(Protocol):
    """An object on its way to the store, which appears when it is closed. Up to a part it goes in one request. All methods but `abort`
    raise StorageFull, WriteRefused, DriverError."""

    async def write(self, data: bytes) -> None: ...

    async def close(self) -> None: ...

    async def abort(self) -> None:
        """May raise anything."""
        ...


class Putter(Protocol):
    async def put(self, key: str, path: str, data: bytes, metadata: Mapping[str, str]) -> None:
        """Put an object with one request, replacing an older one. Raises StorageFull, WriteRefused, DriverError naming `path`."""
        ...

    def sink(self, key: str, path: str, part_bytes: int, in_flight: int, *, small: bool) -> Sink:
        """For an object in parts of that size, of which `in_flight` are sent at once. `small`: it takes so little time that a silent
        store is gone."""
        ...

    def close(self) -> None: ...


class Plain:
    """Puts through obstore: with `prompt`, or with `patient` what may take longer."""

    def __init__(self, prompt: ObjectStore, patient: ObjectStore, attributes: Mapping[str, str]) -> None:
        self._prompt = prompt
        self._patient = patient
        self._attributes = dict(attributes)

    async def put(self, key: str, path: str, data: bytes, metadata: Mapping[str, str]) -> None:
        attributes = {**self._attributes, **metadata}
        with translated(path):
            await obstore.put_async(self._prompt, key, data, attributes=attributes, use_multipart=False)

    def sink(self, key: str, path: str, part_bytes: int, in_flight: int, *, small: bool) -> Sink:
        store = self._prompt if small else self._patient
        return _PlainSink(store, key, path, self._attributes, part_bytes, in_flight)

    def close(self) -> None:
        return None


class _PlainSink:
    def __init__(
        self,
        store: ObjectStore,
        key: str,
        path: str,
        attributes: dict[str, str],
        part_bytes: int,
        in_flight: int,
    ) -> None:
        self._path = path
        with translated(path):
            self._writer = obstore.open_writer_async(
                store, key, attributes=attributes, buffer_size=part_bytes, max_concurrency=in_flight
            )

    async def write(self, data: bytes) -> None:
        with translated(self._path):
            await self._writer.write(data)

    async def close(self) -> None:
        with translated(self._path):
            await self._writer.close()

    async def abort(self) -> None:
        await self._writer.__aexit__(DriverError, DriverError(self._path, "not completed"), None)
