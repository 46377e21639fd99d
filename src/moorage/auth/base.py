"""What an access controller promises: it says who the client is and what it may do.

    AccessRefused         the client may not do what it wants
      Challenge           not without (other) credentials (401)
        TokenExpired      a token that was valid, but has expired
      Denied              not at all (403)
      Throttled           too many wrong passwords (429)
      Unreachable         the service that decides does not answer (503)

A controller that fails must refuse: any other exception becomes a 500, and gives no access.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Access:
    """One action on one resource: `repository`, its name, and `pull`, `push` or `delete`; or `registry`, `catalog` and `*`
    (Docker Registry, "Token scope documentation")."""

    kind: str
    name: str
    action: str

    def __str__(self) -> str:
        return f"{self.action} on {self.kind} {self.name}"


CATALOG = Access("registry", "catalog", "*")

LIST = "list"
"""The action of seeing the name of a repository in the catalog. No token names it: access to the catalog includes it for the
repositories that the rules allow to pull."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client sent. `authorization`: the value of that header, empty without one. `address`: the client's address, seen
    through trusted proxies; empty when unknown."""

    authorization: str = field(default="", repr=False)
    address: str = ""


def everything(_: Access) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Grant:
    """Who the client is, and what it may do. `user` is empty for anonymous clients. `allows` also decides what is known only
    later, such as the names in a catalog or the source of a mount."""

    user: str = ""
    groups: frozenset[str] = frozenset()
    allows: Callable[[Access], bool] = everything

    @property
    def unlimited(self) -> bool:
        """Whether every access to every repository is allowed."""
        return self.allows is everything


OPEN = Grant()
"""The grant of every client where there is no access control."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to authenticate, which `api` renders as a value of WWW-Authenticate (RFC 9110, section 11.6.1; RFC 6750, section 3).

    `realm`: for Bearer the URL of the token service, or a path if this registry is the token service. `error`: a code of
    RFC 6750, section 3.1."""

    scheme: str
    realm: str
    service: str = ""
    error: str = ""


class AccessRefused(Exception):
    """Access is refused. `wanted` is all of the requested access, or the part that is refused. The text is for the operator's
    log."""

    def __init__(self, wanted: Sequence[Access] = (), reason: str = "") -> None:
        self.wanted = tuple(wanted)
        super().__init__(reason)


class Challenge(AccessRefused):
    """The client must authenticate. `offers`: at least one, the preferred one first."""

    def __init__(self, wanted: Sequence[Access], offers: Sequence[Offer], reason: str = "") -> None:
        self.offers = tuple(offers)
        super().__init__(wanted, reason)


class TokenExpired(Challenge):
    """The token is valid except for its time. `grant` is what it allowed between `start` and `end`, in seconds since 1970: an
    upload that began in that time may go on (the upload of a layer may take longer than a token lives)."""

    def __init__(
        self, wanted: Sequence[Access], offers: Sequence[Offer], grant: Grant, start: float, end: float
    ) -> None:
        self.grant = grant
        self.start = start
        self.end = end
        super().__init__(wanted, offers, "the token has expired")


class Denied(AccessRefused):
    """The client is known, and may not do this."""


class Throttled(AccessRefused):
    """The client guessed too often. `seconds`: how long it has to wait."""

    def __init__(self, seconds: float, reason: str = "") -> None:
        self.seconds = seconds
        super().__init__((), reason)


class Unreachable(AccessRefused):
    """A service that is needed for the decision does not answer."""


class AccessController(Protocol):
    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        """Return a grant if all of `wanted` is allowed; with an empty `wanted`, if the credentials are valid. Raises
        AccessRefused."""
        ...

    async def close(self) -> None: ...


class TokenRequestInvalid(Exception):
    """A token request has a mistake. `error`: a code of RFC 6749, section 5.2; `description`: the mistake, for the client."""

    def __init__(self, error: str, description: str) -> None:
        self.error = error
        self.description = description
        super().__init__(f"{error}: {description}")


class TokenService(Protocol):
    """Answers `/auth/token`. Both methods return the members of a JSON object, and raise AccessRefused and
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
        """Docker Registry, "Token authentication specification". `offline`: the client also wants a refresh token."""
        ...

    async def post(self, form: Mapping[str, str], credentials: Credentials) -> Mapping[str, Any]:
        """Docker Registry, "OAuth2 token authentication"; RFC 6749, sections 4.3 and 6."""
        ...


class AuthError(Exception):
    """Access control cannot be set up. The text names the key of the configuration or the file, and says what to do about it."""
