"""What a token gets of what was asked for: never more than that, and never more than is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from moorage.auth.base import Access
from moorage.auth.scopes import Scope
from moorage.errors import NameInvalid
from moorage.names import Name

ACTIONS: Final = frozenset({"pull", "push", "delete"})
"""Of a repository; asked for with `*`, all three are meant."""


def granted(requested: Iterable[Scope], allows: Callable[[Access], bool]) -> tuple[Scope, ...]:
    """One scope for each resource, sorted, without those of which nothing is granted. The class is passed over: it says nothing any
    more (Docker Registry, "Token scope documentation", "Resource class")."""
    asked: dict[tuple[str, str], set[str]] = {}
    for scope in requested:
        asked.setdefault((scope.kind, scope.name), set()).update(_meant(scope))
    found: list[Scope] = []
    for (kind, name), actions in sorted(asked.items()):
        if allowed := frozenset(action for action in actions if allows(Access(kind, name, action))):
            found.append(Scope(kind, name, allowed))
    return tuple(found)


def _meant(scope: Scope) -> frozenset[str]:
    if scope.kind == "registry" and scope.name == "catalog":
        return scope.actions & {"*"}
    if scope.kind == "repository" and _is_name(scope.name):
        return ACTIONS if "*" in scope.actions else scope.actions & ACTIONS
    return frozenset()


def _is_name(text: str) -> bool:
    try:
        Name.parse(text)
    except NameInvalid:
        return False
    return True
