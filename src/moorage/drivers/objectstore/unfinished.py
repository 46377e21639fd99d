"""Finds and aborts multipart uploads that were neither completed nor aborted, through boto3: obstore cannot list them."""

from __future__ import annotations

from functools import partial
from typing import Final

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.answers import explained
from moorage.drivers.objectstore.multipart import Multipart
from moorage.drivers.objectstore.together import some_at_once
from moorage.drivers.threads import Threads

ABORTS_AT_ONCE: Final = 16


class Unfinished:
    """The unfinished uploads of a bucket on S3, or on Google, which understands the same requests (Cloud Storage, "XML API
    multipart uploads")."""

    def __init__(self, uploads: Multipart) -> None:
        self._uploads = uploads
        self._threads = Threads(ABORTS_AT_ONCE)

    async def begun(self, prefix: str, before: float, *, abort: bool) -> list[tuple[str, float]]:
        """The keys below `prefix` of uploads that began before `before`, each with the time when it began, in seconds since the
        epoch. `abort` aborts them. One call per thousand, one more where there is none, and one per removal. Raises DriverError."""
        try:
            found = await self._threads.call(self._uploads.unfinished, prefix, before)
            if abort:
                aborts = [
                    partial(self._threads.call, self._uploads.abort, key, name) for key, name, _ in found
                ]
                await some_at_once(ABORTS_AT_ONCE, aborts)
        except Exception as error:
            raise DriverError(prefix, explained(error)) from None
        return [(key, begun) for key, _, begun in found]

    def close(self) -> None:
        self._threads.close()
