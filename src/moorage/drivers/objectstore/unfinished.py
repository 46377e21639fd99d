"""Finds and aborts multipart uploads that were neither completed nor aborted, through boto3: obstore cannot list them."""

from __future__ import annotations

import logging
from functools import partial
from typing import Final

from moorage.drivers.base import DriverError, NotRemoved
from moorage.drivers.objectstore.answers import code, explained
from moorage.drivers.objectstore.multipart import Multipart
from moorage.drivers.objectstore.together import some_at_once
from moorage.drivers.objectstore.translation import forbids
from moorage.drivers.threads import Threads

log = logging.getLogger(__name__)

ABORTS_AT_ONCE: Final = 16
FAILURES_IN_A_ROW: Final = 16
"""After so many nothing more is tried: the right is missing, or the store does not work."""

_NEEDED: Final = "the credentials need s3:AbortMultipartUpload, on Google storage.multipartUploads.abort"


class Unfinished:
    """The unfinished uploads of a bucket on S3, or on Google, which understands the same requests (Cloud Storage, "XML API
    multipart uploads")."""

    def __init__(self, uploads: Multipart) -> None:
        self._uploads = uploads
        self._threads = Threads(ABORTS_AT_ONCE)

    async def begun(self, prefix: str, before: float, *, abort: bool) -> list[tuple[str, float]]:
        """The keys below `prefix` of uploads that began before `before`, each with the time when it began, in seconds since the
        epoch. `abort` aborts them: those that cannot be aborted are logged. One call per thousand, one more where there is none, and
        one per removal. Raises NotRemoved if some stay, and DriverError when they cannot be listed."""
        try:
            found = await self._threads.call(self._uploads.unfinished, prefix, before)
        except Exception as error:
            raise DriverError(prefix, explained(error)) from None
        begun = [(key, seconds) for key, _, seconds in found]
        if abort:
            aborting = _Aborting(self._uploads, self._threads)
            calls = [partial(aborting.abort, key, name) for key, name, _ in found]
            gone = await some_at_once(ABORTS_AT_ONCE, calls)
            aborting.end()
            if not all(gone):
                removed = [one for one, went in zip(begun, gone, strict=True) if went]
                raise NotRemoved(prefix, len(begun) - len(removed), removed)
        return begun

    def close(self) -> None:
        self._threads.close()


class _Aborting:
    """Aborts uploads one by one, and logs each that stays."""

    def __init__(self, uploads: Multipart, threads: Threads) -> None:
        self._uploads = uploads
        self._threads = threads
        self._in_a_row = 0
        self._forbidden = False
        self._left = 0

    async def abort(self, key: str, upload: str) -> bool:
        """Whether it is gone."""
        if self._in_a_row >= FAILURES_IN_A_ROW:
            self._left += 1
            return False
        try:
            await self._threads.call(self._uploads.abort, key, upload)
        except Exception as error:
            self._in_a_row += 1
            self._tell(key, error)
            return False
        self._in_a_row = 0
        return True

    def end(self) -> None:
        if self._left:
            log.warning(
                "the other unfinished multipart uploads are left alone",
                extra={"uploads": self._left, "reason": f"{self._in_a_row} in a row could not be aborted"},
            )

    def _tell(self, key: str, error: Exception) -> None:
        reason = explained(error)
        if forbids(code(error)) and not self._forbidden:
            self._forbidden = True
            reason = f"{reason}: {_NEEDED}"
        log.warning("an unfinished multipart upload cannot be aborted", extra={"path": key, "reason": reason})
