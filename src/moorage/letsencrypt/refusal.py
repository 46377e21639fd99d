"""Remembers an authority's refusals in the cache, so that neither a restart nor another process asks again too soon."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass

from moorage.letsencrypt.cache import Cache
from moorage.letsencrypt.errors import CertificateError
from moorage.letsencrypt.schedule import LONGEST_WAIT, moment, until_retry

_SUFFIX = "+refused"
_SAID = 500


@dataclass(frozen=True)
class Refusal:
    """The last refusal. `count`: how many in a row. `until`: when to ask again, in seconds since the epoch. `said`: the message."""

    count: int
    until: float
    said: str


class Refusals:
    """The refusals of one question, that is, of these hosts at this directory. Another configuration is another question."""

    def __init__(self, cache: Cache, hosts: tuple[str, ...], directory_url: str) -> None:
        self._cache = cache
        self._name = hosts[0] + _SUFFIX
        self._question = {"hosts": list(hosts), "directory": directory_url}

    def check(self) -> None:
        """Raises CertificateError if it is too early to ask."""
        refusal = self._read()
        left = refusal.until - time.time() if refusal else 0.0
        # A longer wait is never written: the clock was wrong then.
        if refusal and 0 < left <= LONGEST_WAIT * 1.2:
            raise CertificateError(
                f"{refusal.said} (not asked again before {moment(refusal.until)}; to ask at once, remove "
                f"{self._cache.path(self._name)})",
                wait=left,
            )

    def add(self, error: CertificateError) -> float:
        """Remember a refusal. Returns the seconds until the authority may be asked again."""
        before = self._read()
        count = (before.count if before else 0) + 1
        wait = until_retry(count, error.wait)
        kept = {"question": self._question, **asdict(Refusal(count, time.time() + wait, str(error)))}
        self._cache.write(self._name, json.dumps(kept, indent=1).encode())
        return wait

    def clear(self) -> None:
        self._cache.remove(self._name)

    def _read(self) -> Refusal | None:
        raw = self._cache.read(self._name)
        if raw is None:
            return None
        with contextlib.suppress(ValueError, KeyError, TypeError):
            kept = json.loads(raw)
            if kept["question"] == self._question:
                return Refusal(int(kept["count"]), float(kept["until"]), str(kept["said"])[:_SAID])
        return None
