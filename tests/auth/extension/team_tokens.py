"""A token for each team, long and random: `docker login -u TEAM -p TOKEN`."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from moorage.auth.base import Access, AuthError, Challenge, Credentials, Grant, Offer
from moorage.auth.basic import parse
from moorage.auth.extensions import Context
from moorage.auth.watched import Watched


class TeamTokens:
    def __init__(self, path: str, context: Context) -> None:
        # {"team": "the SHA-256 of its token, in hex"}, read again when it changes
        self.hashes = Watched(path, f"{context.section}.file", json.loads, context.kept)

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        try:
            login = parse(credentials.authorization)
        except ValueError:
            login = None
        if login is not None:
            expected = self.hashes.current().get(login.user, "")
            given = hashlib.sha256(login.password.encode()).hexdigest()
            if hmac.compare_digest(given.encode(), expected.encode()):
                return Grant(login.user, groups=frozenset({"teams"}))
        raise Challenge(wanted, [Offer("Basic", realm="Teams")], reason="no token of a team")

    async def close(self) -> None:
        """Nothing is open."""


def controller(options: Mapping[str, Any], context: Context) -> TeamTokens:
    if options.keys() != {"file"}:
        raise AuthError(f"{context.section}: needs file, and nothing else")
    return TeamTokens(options["file"], context)
