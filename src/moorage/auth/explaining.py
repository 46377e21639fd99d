"""Why the rules allow or deny an access, for `moorage access explain`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from moorage.auth.base import Access
from moorage.auth.rules import Rule, Rules

Lack = Literal["action", "user", "repository"]
"""The only thing in which a rule does not match."""

_NEAREST_FIRST: tuple[Lack, ...] = ("action", "user", "repository")


@dataclass(frozen=True, slots=True)
class NearMiss:
    place: str
    text: str
    lacks: Lack


@dataclass(frozen=True, slots=True)
class Explanation:
    """`place` and `text`: the rule that allows the access; empty when denied. `near`: when denied, the rules that fail to allow
    it for a single reason: first those that lack the action, then those for other users, then those for other repositories."""

    allowed: bool
    place: str = ""
    text: str = ""
    near: tuple[NearMiss, ...] = ()


def explain(rules: Rules, user: str, groups: frozenset[str], access: Access) -> Explanation:
    """`user`: empty for a client that is not signed in."""
    deciding = rules.deciding(user, groups, access)
    if deciding is not None:
        return Explanation(True, deciding.place, as_text(deciding))
    near = [
        NearMiss(rule.place, as_text(rule), lacks[0])
        for rule in rules.rules
        if len(lacks := _lacking(rule, user, groups, access)) == 1
    ]
    return Explanation(False, near=tuple(sorted(near, key=lambda miss: _NEAREST_FIRST.index(miss.lacks))))


def as_text(rule: Rule) -> str:
    """The rule as one line of YAML."""
    parts = [f"repositories: {_listed(rule.repositories)}"]
    if rule.users:
        parts.append(f"users: {_listed(sorted(rule.users))}")
    if rule.groups:
        parts.append(f"groups: {_listed(sorted(rule.groups))}")
    if rule.anonymous:
        parts.append("anonymous: true")
    allowed = [action for action in ("pull", "push", "delete", "catalog") if action in rule.allow]
    return f"{{{', '.join(parts)}, allow: [{', '.join(allowed)}]}}"


def _listed(words: tuple[str, ...] | list[str]) -> str:
    """A YAML list of quoted words, as a plain `*` would begin an alias."""
    quoted = (f"'{word.replace(chr(39), chr(39) * 2)}'" for word in words)
    return f"[{', '.join(quoted)}]"


def _lacking(rule: Rule, user: str, groups: frozenset[str], access: Access) -> list[Lack]:
    found: list[Lack] = []
    if not rule.permits(access):
        found.append("action")
    if not rule.names(user, groups):
        found.append("user")
    if not rule.concerns(access):
        found.append("repository")
    return found
