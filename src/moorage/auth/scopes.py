"""The scope grammar of token services: `repository:team/app:pull,push`, several of them with spaces between.

Sources: Docker Registry, "Token authentication specification" and "Token scope documentation": a scope is
`type[(class)]:name:action[,action]`; the name may itself have a colon in it (a host with a port), so it ends at the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from moorage.auth.base import Access

_SCOPE = re.compile(
    r"(?P<kind>[a-z0-9]+)(?:\((?P<cls>[a-z0-9]+)\))?:(?P<name>[A-Za-z0-9._/:-]*|\*):(?P<actions>[a-z*]+(?:,[a-z*]+)*)?"
)
LONGEST, MOST = 4096, 100
"""Characters of one, and how many of them a request may have."""


@dataclass(frozen=True, slots=True)
class Scope:
    """`cls`: such as `plugin`; empty for images."""

    kind: str
    name: str
    actions: frozenset[str]
    cls: str = ""

    def holds(self, access: Access) -> bool:
        """Only that very name, and the action or `*`; nothing of another class (no image is a plugin)."""
        return (
            self.kind == access.kind
            and self.name == access.name
            and self.cls in ("", "image")
            and (access.action in self.actions or "*" in self.actions)
        )


def parse(texts: Iterable[str]) -> list[Scope]:
    """Each text may hold several. Raises ValueError."""
    found: list[Scope] = []
    for text in texts:
        for one in text.split():
            match = _SCOPE.fullmatch(one) if len(one) <= LONGEST else None
            if match is None or len(found) == MOST:
                raise ValueError("not a scope such as repository:team/app:pull,push")
            actions = frozenset((match["actions"] or "").split(",")) - {""}
            found.append(Scope(match["kind"], match["name"], actions, match["cls"] or ""))
    return found


def render(wanted: Sequence[Access]) -> str:
    """One scope for each resource, as a challenge has them."""
    resources: dict[tuple[str, str], list[str]] = {}
    for access in wanted:
        actions = resources.setdefault((access.kind, access.name), [])
        if access.action not in actions:
            actions.append(access.action)
    return " ".join(f"{kind}:{name}:{','.join(actions)}" for (kind, name), actions in resources.items())
