"""The rules of the `access` list. Rules only allow, and what no rule allows is denied, so their order has no meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from moorage.auth import globs
from moorage.auth.base import CATALOG, LIST, Access, AuthError

REMEMBERED: Final = 8192
"""Decisions that are remembered. Clients choose the names, so the number must be bounded."""

_SATISFIED_BY: Final = {
    "pull": frozenset({"pull", "push"}),
    LIST: frozenset({"pull", "push"}),
    "push": frozenset({"push"}),
    "delete": frozenset({"delete"}),
    "catalog": frozenset({"catalog"}),
}
"""Which words in `allow` permit an action. `push` includes `pull`, because a push looks for the blobs that exist already."""

ACTIONS: Final = frozenset({"pull", "push", "delete", "catalog"})
EVERYBODY: Final = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    `repositories`: globs (`auth.globs`). `users`: names, or `*` for every signed-in user. `anonymous`: for everybody, signed in
    or not. `allow`: any of pull, push, delete and catalog. `place`: what messages call the rule, such as `access[2]`."""

    repositories: tuple[str, ...]
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    anonymous: bool = False
    allow: frozenset[str] = frozenset()
    place: str = ""
    _names: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises AuthError for a rule that can never allow anything, or that has an unknown action or an impossible glob."""
        try:
            _check(self)
        except ValueError as error:
            raise AuthError(f"{self.place or 'access'}: {error}") from None
        object.__setattr__(self, "_names", globs.compiled(self.repositories))

    def concerns(self, access: Access) -> bool:
        """Whether the rule is about this resource. Every rule is about the catalog, whatever its repositories: the catalog shows
        only repositories that may be pulled."""
        if access.kind == "repository":
            return self._names.fullmatch(access.name) is not None
        return access == CATALOG

    def names(self, user: str, groups: frozenset[str]) -> bool:
        """Whether the rule is for this user; `user` is empty for a client that is not signed in."""
        if self.anonymous:
            return True
        if not user:
            return False
        return user in self.users or EVERYBODY in self.users or not self.groups.isdisjoint(groups)

    def permits(self, access: Access) -> bool:
        """Whether the rule allows the action."""
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


class Rules:
    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._groups = frozenset[str]().union(*(rule.groups for rule in self.rules))
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._deciding)

    def deciding(self, user: str, groups: frozenset[str], access: Access) -> Rule | None:
        """The first rule that allows the access; None when denied. `user`: empty for a client that is not signed in."""
        # Only the groups that a rule names: a user may be in hundreds, and each decision keeps them.
        return self._remembered(user, groups & self._groups, access)

    def allows(self, user: str, groups: frozenset[str], access: Access) -> bool:
        return self.deciding(user, groups, access) is not None

    def _deciding(self, user: str, groups: frozenset[str], access: Access) -> Rule | None:
        for rule in self.rules:
            if rule.names(user, groups) and rule.permits(access) and rule.concerns(access):
                return rule
        return None
