"""What an access controller promises: who asks, and what they may do.

    AccessRefused         somebody may not do what they want
      Challenge           not yet: come again with credentials (401)
        TokenExpired      a token that was right, until its time was over
      Denied              not at all (403)
      Throttled           too many wrong passwords (429)
      Unreachable         whoever should say is not there (503)

A controller that fails must refuse: any other exception becomes a 500, and no access.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Access:
    """One action on one resource: `repository`, a name, and `pull`, `push` or `delete`; or `registry`, `catalog` and `*`
    (Docker Registry, "Token scope documentation")."""

    kind: str
    name: str
    action: str

    def __str__(self) -> str:
        return f"{self.action} on {self.kind} {self.name}"


CATALOG = Access("registry", "catalog", "*")

LIST = "list"
"""The action of seeing the name of a repository in the catalog. No token names it: it comes with the catalog, where the rules
allow to pull."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """`authorization`: that header, empty without one. `address`: the client's, seen through trusted proxies; empty when
    unknown."""

    authorization: str = field(default="", repr=False)
    address: str = ""


def everything(_: Access) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Grant:
    """Who it is, empty for anybody, and what they may do: `allows` is asked for what is known only later, such as the names in
    a catalog or the source of a mount."""

    user: str = ""
    groups: frozenset[str] = frozenset()
    allows: Callable[[Access], bool] = everything

    @property
    def unlimited(self) -> bool:
        """Whether nothing is refused, of whatever repository."""
        return self.allows is everything


OPEN = Grant()
"""Where there is no access control."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to come again, of which `api` makes a value of WWW-Authenticate (RFC 9110, section 11.6.1; RFC 6750, section 3).

    `realm`: for Bearer the URL of the token service, a path if that is this registry. `error`: a code of RFC 6750,
    section 3.1."""

    scheme: str
    realm: str
    service: str = ""
    error: str = ""


class AccessRefused(Exception):
    """`wanted` is what was asked for, or the part of it that is refused. The text is for the operator's log."""

    def __init__(self, wanted: Sequence[Access] = (), reason: str = "") -> None:
        self.wanted = tuple(wanted)
        super().__init__(reason)


class Challenge(AccessRefused):
    """`offers`: one at least, the preferred one first."""

    def __init__(self, wanted: Sequence[Access], offers: Sequence[Offer], reason: str = "") -> None:
        self.offers = tuple(offers)
        super().__init__(wanted, reason)


class TokenExpired(Challenge):
    """Right but for the time. `grant` is what it gave between `start` and `end`, in seconds since 1970: an upload that began
    then may go on (a token may live shorter than the upload of a layer)."""

    def __init__(
        self, wanted: Sequence[Access], offers: Sequence[Offer], grant: Grant, start: float, end: float
    ) -> None:
        self.grant = grant
        self.start = start
        self.end = end
        super().__init__(wanted, offers, "the token has expired")


class Denied(AccessRefused):
    """Somebody known, who may not."""


class Throttled(AccessRefused):
    """`seconds`: when to come again."""

    def __init__(self, seconds: float, reason: str = "") -> None:
        self.seconds = seconds
        super().__init__((), reason)


class Unreachable(AccessRefused):
    """What is needed to decide does not answer."""


class AccessController(Protocol):
    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        """All of `wanted` is allowed; with an empty `wanted`, these are valid credentials. Raises AccessRefused."""
        ...

    async def close(self) -> None: ...


class TokenRequestInvalid(Exception):
    """`error`: a code of RFC 6749, section 5.2; `description`: what is wrong with the request, for the client."""

    def __init__(self, error: str, description: str) -> None:
        self.error = error
        self.description = description
        super().__init__(f"{error}: {description}")


class TokenService(Protocol):
    """What `/auth/token` answers; both answers are the members of a JSON object. Raises AccessRefused,
    TokenRequestInvalid."""

    async def get(
        self,
        credentials: Credentials,
        *,
        service: str | None,
        scopes: Sequence[str],
        account: str | None,
        offline: bool,
    ) -> Mapping[str, Any]:
        """Docker Registry, "Token authentication specification". `offline`: a refresh token is wanted too."""
        ...

    async def post(self, form: Mapping[str, str], credentials: Credentials) -> Mapping[str, Any]:
        """Docker Registry, "OAuth2 token authentication"; RFC 6749, sections 4.3 and 6."""
        ...


class AuthError(Exception):
    """Access control cannot be set up; the text tells the operator which key of the configuration, or which file, and what to
    do about it."""
