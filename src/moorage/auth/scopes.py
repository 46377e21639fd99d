"""The scope grammar of token services: `repository:team/app:pull,push`, several of them separated by spaces.

Sources: Docker Registry, "Token authentication specification" and "Token scope documentation". A scope is
`type[(class)]:name:action[,action]`; the name may itself contain a colon (a host with a port), so it ends at the last one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from moorage.auth.base import Access

_SCOPE = re.compile(
    r"(?P<kind>[a-z0-9]+)(?:\([a-z0-9]+\))?:(?P<name>[A-Za-z0-9._/:-]*|\*):(?P<actions>[a-z*]+(?:,[a-z*]+)*)?"
)
LONGEST, MOST = 4096, 2000
"""The longest scope in characters, and the most scopes of a request."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Actions on one resource. Its class, such as `plugin`, is ignored, as it no longer has a meaning (Docker Registry, "Token
    scope documentation", "Resource class")."""

    kind: str
    name: str
    actions: frozenset[str]

    def holds(self, access: Access) -> bool:
        """Whether the scope has exactly that name, and the action or `*`."""
        return (
            self.name == access.name
            and self.kind == access.kind
            and (access.action in self.actions or "*" in self.actions)
        )


def parse(texts: Iterable[str]) -> list[Scope]:
    """The scopes in the texts, each of which may hold several. Raises ValueError."""
    found: list[Scope] = []
    for text in texts:
        for one in text.split():
            if len(found) == MOST:
                raise ValueError(f"more than {MOST} scopes: ask for fewer repositories")
            match = _SCOPE.fullmatch(one) if len(one) <= LONGEST else None
            if match is None:
                raise ValueError("not a scope such as repository:team/app:pull,push")
            actions = frozenset((match["actions"] or "").split(",")) - {""}
            found.append(Scope(match["kind"], match["name"], actions))
    return found


def render(wanted: Sequence[Access]) -> str:
    """The scopes of a challenge, one for each resource."""
    resources: dict[tuple[str, str], list[str]] = {}
    for access in wanted:
        actions = resources.setdefault((access.kind, access.name), [])
        if access.action not in actions:
            actions.append(access.action)
    return " ".join(f"{kind}:{name}:{','.join(actions)}" for (kind, name), actions in resources.items())
