"""Counts lookups in the cache of descriptors, and how often it had the answer."""

from __future__ import annotations

from moorage.metrics.series import Counter
from moorage.metrics.slots import Slot
from moorage.store.blobstore import Blob
from moorage.store.descriptors.base import Descriptors


class Looks:
    """Counters of lookups and hits, under the names of both version 3 and version 2 of the reference implementation."""

    def __init__(self, slot: Slot) -> None:
        counters = slot.counters
        self._view = counters.view
        self._requests = Counter(
            counters, "registry_storage_cache_requests_total", "Descriptors that were looked for."
        ).place()
        self._hits = Counter(
            counters, "registry_storage_cache_hits_total", "Descriptors that were remembered."
        ).place()
        errors = Counter(
            counters, "registry_storage_cache_errors_total", "How often the cache was out of reach."
        )
        self._errors = errors.place()
        self._before = self._view[self._errors]
        older = Counter(
            counters, "registry_storage_cache_total", "Descriptors that were looked for, by result.", "type"
        )
        self._older = {kind: older.place(kind) for kind in ("Request", "Hit", "Miss")}

    def looked(self, *, found: bool) -> None:
        self._view[self._requests] += 1.0
        self._view[self._older["Request"]] += 1.0
        if found:
            self._view[self._hits] += 1.0
        self._view[self._older["Hit" if found else "Miss"]] += 1.0

    def failed(self, failures: int) -> None:
        """Set the number of failures since this worker was started."""
        self._view[self._errors] = self._before + failures


class Counted:
    """A descriptor cache around another one that counts each lookup."""

    def __init__(self, inner: Descriptors, looks: Looks) -> None:
        self._inner = inner
        self._looks = looks

    @property
    def failures(self) -> int:
        return self._inner.failures

    async def get(self, link: str) -> Blob | None:
        found = await self._inner.get(link)
        self._looks.looked(found=found is not None)
        self._looks.failed(self._inner.failures)
        return found

    async def put(self, link: str, known: Blob, since: float) -> None:
        await self._inner.put(link, known, since)

    async def drop(self, *links: str) -> None:
        await self._inner.drop(*links)

    async def clear(self) -> None:
        await self._inner.clear()

    async def close(self) -> None:
        await self._inner.close()
