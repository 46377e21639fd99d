"""What a token grants: never more than was requested, and never more than is allowed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Set
from typing import Final

from moorage.auth.base import Access
from moorage.auth.scopes import Scope
from moorage.names import Name

ACTIONS: Final = frozenset({"pull", "push", "delete"})
"""The actions on a repository; `*` in a scope requests all three."""
SLICE_SECONDS: Final = 0.005
"""How long to decide before other requests get a turn: with many rules, thousands of decisions take a large part of a second."""


async def granted(requested: Iterable[Scope], allows: Callable[[Access], bool]) -> tuple[Scope, ...]:
    """One scope for each resource of which something is granted, sorted."""
    asked: dict[tuple[str, str], set[str]] = {}
    for scope in requested:
        asked.setdefault((scope.kind, scope.name), set()).update(scope.actions)
    found: list[Scope] = []
    began = time.monotonic()
    for (kind, name), actions in sorted(asked.items()):
        if time.monotonic() - began > SLICE_SECONDS:
            await asyncio.sleep(0)
            began = time.monotonic()
        meant = _meant(kind, name, actions)
        if allowed := frozenset(action for action in meant if allows(Access(kind, name, action))):
            found.append(Scope(kind, name, allowed))
    return tuple(found)


def _meant(kind: str, name: str, actions: Set[str]) -> Set[str]:
    if kind == "registry" and name == "catalog":
        return actions & {"*"}
    if kind == "repository" and Name.is_valid(name):
        return ACTIONS if "*" in actions else actions & ACTIONS
    return frozenset()
