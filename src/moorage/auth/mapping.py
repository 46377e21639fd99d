"""Who somebody is by the claims of an ID token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

LONGEST: Final = 255
"""Characters of a user or a group."""
MOST_GROUPS: Final = 256


@dataclass(frozen=True, slots=True)
class ClaimMapping:
    """Claims are named as in the token, or by the way to them: `realm_access.roles` is `roles` in the object `realm_access`.

    `userprefix` goes before what `userclaim` says. Each value of a claim in `groupclaims` makes a group, `claim:value`.
    `required`: which values a claim must have one of."""

    userclaim: str = "sub"
    userprefix: str = ""
    groupclaims: tuple[str, ...] = ()
    required: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def check(self, claims: Mapping[str, object]) -> None:
        """Raises ValueError unless all that is required is there."""
        for name, values in self.required.items():
            if values.isdisjoint(texts(find(claims, name))):
                raise ValueError(f"{name} is none of those that are required")

    def user(self, claims: Mapping[str, object]) -> str:
        """Never empty. Raises ValueError; nobody is called by what can only be taken for a name."""
        value = find(claims, self.userclaim)
        if not isinstance(value, str) or not value:
            raise ValueError(f"{self.userclaim}, which is the user, is no text")
        user = self.userprefix + value
        if len(user) > LONGEST or not user.isprintable():
            raise ValueError(f"{self.userclaim}, which is the user, is too long, or not printable")
        return user

    def groups(self, claims: Mapping[str, object]) -> frozenset[str]:
        """A value that is too long or not printable makes none: whoever chose it is not shut out. Raises ValueError for too
        many, of which somebody would have to choose."""
        named = (
            f"{name}:{value}" for name in self.groupclaims for value in texts(find(claims, name)) if value
        )
        found = frozenset(group for group in named if len(group) <= LONGEST and group.isprintable())
        if len(found) > MOST_GROUPS:
            raise ValueError(f"its claims make {len(found)} groups; {MOST_GROUPS} are the most")
        return found


def find(claims: Mapping[str, object], name: str) -> object:
    """None if it is not there. A claim with dots in its own name goes before one that the dots lead to."""
    if name in claims:
        return claims[name]
    end = name.rfind(".")
    while end > 0:
        inside = claims.get(name[:end])
        if isinstance(inside, dict):
            found = find(inside, name[end + 1 :])
            if found is not None:
                return found
        end = name.rfind(".", 0, end)
    return None


def texts(value: object) -> list[str]:
    """Of a text, a number, true or false, or of each in a list, as JSON spells them. Objects and lists in it are none."""
    if isinstance(value, list):
        return [text for one in value if (text := _text(one)) is not None]
    text = _text(value)
    return [] if text is None else [text]


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None
