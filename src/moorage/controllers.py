"""The access controller that the configuration names, with the rules around it and the token service in front."""

from __future__ import annotations

from collections.abc import Callable

from moorage.auth.groups import Groups
from moorage.auth.rules import Rule, Rules
from moorage.config import Configuration

GroupsOf = Callable[[str], frozenset[str]]


def build_rules(configuration: Configuration) -> Rules | None:
    """None without any. Raises AuthError naming the rule."""
    rules = [
        Rule(
            repositories=tuple(section.repositories),
            users=frozenset(section.users),
            groups=frozenset(section.groups),
            anonymous=section.anonymous,
            allow=frozenset(section.allow),
            place=f"access[{index}]",
        )
        for index, section in enumerate(configuration.access)
    ]
    return Rules(rules) if rules else None


def build_groups(configuration: Configuration) -> GroupsOf:
    """The groups of a user by the group file; none without one. Raises AuthError."""
    path = configuration.auth.groupfile
    return Groups(path).groups_of if path else lambda _: frozenset()
