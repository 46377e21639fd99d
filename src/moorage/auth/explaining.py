"""Why the rules allow something or do not, for `moorage access explain`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from moorage.auth.base import Access
from moorage.auth.rules import Rule, Rules

Lack = Literal["action", "user", "repository"]
"""The one thing in which a rule does not match."""

_NEAREST_FIRST: tuple[Lack, ...] = ("action", "user", "repository")


@dataclass(frozen=True, slots=True)
class NearMiss:
    place: str
    text: str
    lacks: Lack


@dataclass(frozen=True, slots=True)
class Explanation:
    """`place` and `text`: the rule that allows it, empty when denied. `near`: when denied, the rules that would allow it but for
    one thing, those first that lack only the action, then those for another user, then those for other repositories."""

    allowed: bool
    place: str = ""
    text: str = ""
    near: tuple[NearMiss, ...] = ()


def explain(rules: Rules, user: str, groups: frozenset[str], access: Access) -> Explanation:
    """`user`: empty for somebody who is not signed in."""
    decision = rules.decide(user, groups, access)
    if decision.rule is not None:
        return Explanation(True, decision.rule.place, as_text(decision.rule))
    near = [
        NearMiss(rule.place, as_text(rule), lacks[0])
        for rule in rules.rules
        if len(lacks := _lacking(rule, user, groups, access)) == 1
    ]
    return Explanation(False, near=tuple(sorted(near, key=lambda miss: _NEAREST_FIRST.index(miss.lacks))))


def as_text(rule: Rule) -> str:
    """The rule on one line, as YAML has it."""
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
    """Quoted, for `*` begins an alias in YAML."""
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
