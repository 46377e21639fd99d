"""The list `access`: rules that allow. What no rule allows is denied, so their order says nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from moorage.auth import globs
from moorage.auth.base import CATALOG, LIST, Access, AuthError

REMEMBERED: Final = 8192
"""Decisions. Names are chosen by clients, so there must be an end to them."""

_SATISFIED_BY: Final = {
    "pull": frozenset({"pull", "push"}),
    LIST: frozenset({"pull", "push"}),
    "push": frozenset({"push"}),
    "delete": frozenset({"delete"}),
    "catalog": frozenset({"catalog"}),
}
"""What must be in `allow` for an action: whoever pushes looks for what is there already."""

ACTIONS: Final = frozenset({"pull", "push", "delete", "catalog"})
EVERYBODY: Final = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """`repositories`: globs (`auth.globs`). `users`: names, or `*` for everybody who is signed in. `anonymous`: everybody,
    signed in or not. `allow`: of pull, push, delete and catalog. `place`: how it is named to people, such as `access[2]`."""

    repositories: tuple[str, ...]
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    anonymous: bool = False
    allow: frozenset[str] = frozenset()
    place: str = ""
    _names: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises AuthError for one that can never allow anything, or has words in it that mean nothing."""
        try:
            _check(self)
        except ValueError as error:
            raise AuthError(f"{self.place or 'access'}: {error}") from None
        object.__setattr__(self, "_names", globs.compiled(self.repositories))

    def concerns(self, access: Access) -> bool:
        """The catalog is one, whatever repositories the rule is about: what it shows is what may be pulled."""
        if access.kind == "repository":
            return self._names.fullmatch(access.name) is not None
        return access == CATALOG

    def names(self, user: str, groups: frozenset[str]) -> bool:
        """Whether the rule is for this user; an empty one is anybody."""
        if self.anonymous:
            return True
        if not user:
            return False
        return user in self.users or EVERYBODY in self.users or not self.groups.isdisjoint(groups)

    def permits(self, access: Access) -> bool:
        """Whether the action is one that it allows."""
        action = "catalog" if access == CATALOG else access.action
        return not self.allow.isdisjoint(_SATISFIED_BY.get(action, ()))


def _check(rule: Rule) -> None:
    if not rule.repositories:
        raise ValueError('names no repository; for all of them, give repositories: ["**"]')
    for glob in rule.repositories:
        globs.check(glob)
    if not (rule.users or rule.groups or rule.anonymous):
        raise ValueError(
            'names nobody; give users, groups or anonymous: true (users: ["*"] is everybody signed in)'
        )
    if not all(rule.users) or not all(rule.groups):
        raise ValueError(
            "has an empty name among its users or groups; for who is not signed in, give anonymous: true"
        )
    if not rule.allow:
        raise ValueError("allows nothing; give allow: pull, push, delete, catalog, or several of them")
    if unknown := rule.allow - ACTIONS:
        raise ValueError(f"allows {min(unknown)!r}, which is none of pull, push, delete and catalog")


@dataclass(frozen=True, slots=True)
class Decision:
    """`rule`: the first one that allows it; None when denied."""

    allowed: bool
    rule: Rule | None = None


_DENIED: Final = Decision(False)


class Rules:
    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._groups = frozenset[str]().union(*(rule.groups for rule in self.rules))
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._decide)

    def decide(self, user: str, groups: frozenset[str], access: Access) -> Decision:
        """`user`: empty for somebody who is not signed in."""
        # Groups of which no rule speaks would be kept with each decision: somebody may be in hundreds.
        return self._remembered(user, groups & self._groups, access)

    def allows(self, user: str, groups: frozenset[str], access: Access) -> bool:
        return self.decide(user, groups, access).allowed

    def _decide(self, user: str, groups: frozenset[str], access: Access) -> Decision:
        for rule in self.rules:
            if rule.names(user, groups) and rule.permits(access) and rule.concerns(access):
                return Decision(True, rule)
        return _DENIED
