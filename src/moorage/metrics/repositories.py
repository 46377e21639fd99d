"""Pulls and pushes by repository, for a bounded number of them: names come from clients, so the number of series must be limited."""

from __future__ import annotations

from typing import Final

from moorage.api.exchange import Exchange
from moorage.metrics.numbers import Numbers
from moorage.metrics.series import Counter

LIMIT: Final = 500
OTHER: Final = "_other"
"""The label that further repositories share. No repository's name begins with an underscore."""

PULLS: Final = "registry_repository_pulls_total"
PUSHES: Final = "registry_repository_pushes_total"


class Repositories:
    """Counts pulls and pushes. The first `limit` names have series of their own; the others share one."""

    def __init__(self, numbers: Numbers, limit: int = LIMIT) -> None:
        self._view = numbers.view
        self._limit = limit
        self._pulls = Counter(numbers, PULLS, "Manifests that were pulled (GET).", "repository")
        self._pushes = Counter(numbers, PUSHES, "Manifests that were pushed.", "repository")
        self._places: dict[str, tuple[int, int]] = {}
        self._other = self._series(OTHER)
        for labels in numbers.labels(PULLS.removesuffix("_total")):
            if (name := labels["repository"]) != OTHER:
                self._places[name] = self._series(name)

    def pulled(self, exchange: Exchange) -> None:
        name = exchange.name
        self._view[(self._places.get(name) or self._met(name))[0]] += 1.0

    def pushed(self, exchange: Exchange) -> None:
        name = exchange.name
        self._view[(self._places.get(name) or self._met(name))[1]] += 1.0

    def _met(self, name: str) -> tuple[int, int]:
        if len(self._places) >= self._limit:
            return self._other
        return self._places.setdefault(name, self._series(name))

    def _series(self, name: str) -> tuple[int, int]:
        return self._pulls.place(name), self._pushes.place(name)
