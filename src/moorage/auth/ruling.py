"""What the rules allow a user, with the groups of their grant and those of the group file."""

from __future__ import annotations

from dataclasses import replace

from moorage.auth.base import Access, Grant
from moorage.auth.groups import GroupsOf, no_groups
from moorage.auth.rules import Rules


class Ruling:
    """Decides by rules and groups; without `rules`, every signed-in user may do everything. The groups are looked up for every
    decision, so a change of the group file counts at once."""

    def __init__(self, rules: Rules | None, groups: GroupsOf = no_groups) -> None:
        self._rules = rules
        self._groups = groups

    def allows(self, user: str, groups: frozenset[str], access: Access) -> bool:
        """`groups`: those of the user besides the group file's. `user`: empty for a client that is not signed in."""
        if self._rules is None:
            return bool(user)
        return self._rules.allows(user, groups | self._groups(user) if user else groups, access)

    def narrowed(self, grant: Grant) -> Grant:
        """The grant, limited to what the rules allow too. The groups of the group file are left out of it, as they may change."""
        brought = grant.groups - self._groups(grant.user)

        def allows(access: Access) -> bool:
            return grant.allows(access) and self.allows(grant.user, brought, access)

        return replace(grant, groups=brought, allows=allows)
