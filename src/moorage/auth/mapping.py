"""The user and the groups that the claims of an ID token name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

LONGEST: Final = 255
"""The longest name of a user or a group, in characters."""
MOST_GROUPS: Final = 256


@dataclass(frozen=True, slots=True)
class ClaimMapping:
    """Reads a user and groups from claims. A claim is named as in the token, or by a path: `realm_access.roles` is `roles` in the
    object `realm_access`.

    `userprefix` precedes the value of `userclaim`. Each value of a claim in `groupclaims` makes a group, `claim:value`.
    `required`: for each claim, the values of which it must have one."""

    userclaim: str = "sub"
    userprefix: str = ""
    groupclaims: tuple[str, ...] = ()
    required: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def check(self, claims: Mapping[str, object]) -> None:
        """Raises ValueError unless the claims have everything that is required."""
        for name, values in self.required.items():
            if values.isdisjoint(texts(find(claims, name))):
                raise ValueError(f"{name} is none of those that are required")

    def user(self, claims: Mapping[str, object]) -> str:
        """The name of the user, never empty. Raises ValueError if the claim is not a text, or unusable as a name."""
        value = find(claims, self.userclaim)
        if not isinstance(value, str) or not value:
            raise ValueError(f"{self.userclaim}, which is the user, is no text")
        user = self.userprefix + value
        if len(user) > LONGEST or not user.isprintable():
            raise ValueError(f"{self.userclaim}, which is the user, is too long, or not printable")
        return user

    def groups(self, claims: Mapping[str, object]) -> frozenset[str]:
        """The groups. A value that is too long or not printable makes no group, and does not keep the user out. Raises ValueError
        for too many groups, as any selection of them would be arbitrary."""
        named = (
            f"{name}:{value}" for name in self.groupclaims for value in texts(find(claims, name)) if value
        )
        found = frozenset(group for group in named if len(group) <= LONGEST and group.isprintable())
        if len(found) > MOST_GROUPS:
            raise ValueError(f"its claims make {len(found)} groups; {MOST_GROUPS} are the most")
        return found


def find(claims: Mapping[str, object], name: str) -> object:
    """The value of a claim, or None. A claim whose own name has the dots takes precedence over one that they lead to."""
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
    """The text of a string, a number, true or false as JSON spells it, or of each such value in a list. Objects, nested lists and
    null are left out."""
    if isinstance(value, list):
        return [text for one in value if (text := _text(one)) is not None]
    text = _text(value)
    return [] if text is None else [text]


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None
