"""What the rules say of somebody, with the groups that he brings along and those that the group file puts him in."""

from __future__ import annotations

from dataclasses import replace

from moorage.auth.base import Access, Grant
from moorage.auth.groups import GroupsOf, no_groups
from moorage.auth.rules import Rules


class Ruling:
    """Without `rules`, everybody who is signed in may do everything. Asked anew each time, so that what changes in the group file
    counts at once."""

    def __init__(self, rules: Rules | None, groups: GroupsOf = no_groups) -> None:
        self._rules = rules
        self._groups = groups

    def allows(self, user: str, groups: frozenset[str], access: Access) -> bool:
        """`groups`: those that the user brings along; `user` is empty for somebody who is not signed in."""
        if self._rules is None:
            return bool(user)
        return self._rules.allows(user, groups | self._groups(user) if user else groups, access)

    def narrowed(self, grant: Grant) -> Grant:
        """What the grant allows, and the rules too. Its groups are those that the user brings along: what the file says may change."""
        brought = grant.groups - self._groups(grant.user)

        def allows(access: Access) -> bool:
            return grant.allows(access) and self.allows(grant.user, brought, access)

        return replace(grant, groups=brought, allows=allows)
