"""Access control of requests: turns what a route needs into a grant, and a refusal into an error.

The name of the repository is parsed here, before the controller sees it, so the controller, the handler and the log mean the same
one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeVar

from moorage.api.exchange import Exchange
from moorage.auth import scopes
from moorage.auth.base import (
    CATALOG,
    Access,
    AccessController,
    AccessRefused,
    Challenge,
    Credentials,
    Grant,
    Offer,
    Throttled,
    TokenExpired,
    Unreachable,
)
from moorage.errors import (
    Denied,
    HeaderTooLarge,
    RegistryError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UploadInvalid,
    UploadUnknown,
)
from moorage.names import Name, UploadId

T = TypeVar("T")

Need = Literal["pull", "push", "delete", "catalog", "known", "nothing"]
"""What a client must be allowed to do. `known`: it must have valid credentials; `nothing`: open to everybody."""

AUTHORIZATION_LIMIT = 20 << 10
REMEMBERED = 1024
"""Pairs of a name and a need whose accesses are remembered."""

_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ")
_ACTIONS: dict[str, tuple[str, ...]] = {"pull": ("pull",), "push": ("pull", "push"), "delete": ("delete",)}


async def admit(exchange: Exchange, controller: AccessController, need: Need) -> Grant:
    """The grant of the client. Raises NameInvalid, HeaderTooLarge, Unauthorized, Denied, TooManyRequests, Unavailable."""
    wanted = _wanted(exchange.name, need)
    try:
        return await decided(controller.authorize(credentials(exchange), wanted))
    except TokenExpired as expired:
        if _began_in_time(exchange, expired):
            return expired.grant
        exchange.service.refusals.tell(exchange, str(expired))
        raise refusal(exchange, expired) from None
    except AccessRefused as refused:
        exchange.service.refusals.tell(exchange, str(refused))
        raise refusal(exchange, refused) from None


async def decided(decision: Awaitable[T]) -> T:
    """What a controller or a token service decides. Raises AccessRefused: Unreachable if it ends meanwhile, as when a server
    stops while a password is checked whose client has left."""
    try:
        return await decision
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise Unreachable((), "the server stops") from None


def credentials(exchange: Exchange) -> Credentials:
    """Raises HeaderTooLarge."""
    authorization = exchange.header(b"authorization") or ""
    if len(authorization) > AUTHORIZATION_LIMIT:
        raise HeaderTooLarge
    return Credentials(authorization, exchange.client)


def refusal(exchange: Exchange, refused: AccessRefused) -> RegistryError:
    """The error for the client: which action on which repository is refused, and how or when to try again."""
    detail = [_detail(access) for access in refused.wanted] or None
    if isinstance(refused, Challenge):
        wanted = (*refused.wanted, *_source(exchange))
        offers = ", ".join(_offered(exchange, offer, wanted) for offer in refused.offers)
        return Unauthorized(detail=detail, headers={"WWW-Authenticate": offers})
    if isinstance(refused, Throttled):
        return TooManyRequests(
            "too many failed sign-ins, wait before the next one",
            headers={"Retry-After": str(max(1, round(refused.seconds)))},
        )
    if isinstance(refused, Unreachable):
        return Unavailable("what this client may do cannot be checked now, try again")
    missing = ", ".join(map(str, refused.wanted))
    return Denied(
        f"requested access to the resource is denied: {missing}" if missing else None, detail=detail
    )


@lru_cache(maxsize=REMEMBERED)
def _wanted(name: str, need: Need) -> tuple[Access, ...]:
    """Raises NameInvalid."""
    if need == "known":
        return ()
    if need == "catalog":
        return (CATALOG,)
    repository = Name.parse(name)
    return tuple(Access("repository", repository, action) for action in _ACTIONS[need])


def _source(exchange: Exchange) -> tuple[Access, ...]:
    """Pull on the source of a mount, which a token should allow too. It is not required: without it, the client uploads."""
    if exchange.method != "POST" or not exchange.name:
        return ()
    try:
        source = exchange.parameter("from") if exchange.parameter("mount") else None
        return _wanted(source, "pull") if source else ()
    except RegistryError:
        return ()


def _began_in_time(exchange: Exchange, expired: TokenExpired) -> bool:
    """Whether the request continues an upload that began while the token was valid: uploads of large layers outlast tokens. The
    signed state in the URL says who began the upload, and when."""
    state = exchange.parameter("_state")
    if not state or not exchange.uploading:
        return False
    service = exchange.service
    try:
        name, upload = Name.parse(exchange.name), UploadId.parse(exchange.reference)
        began = service.states.verify(state, name, upload).beginning
    except (UploadInvalid, UploadUnknown):
        return False
    return (
        began.user == expired.grant.user
        and expired.start <= began.time <= expired.end
        and time.time() - began.time <= service.upload_seconds
        and all(expired.grant.allows(access) for access in expired.wanted)
    )


def _detail(access: Access) -> dict[str, Any]:
    """As the reference implementation spells it."""
    return {"Type": access.kind, "Class": "", "Name": access.name, "Action": access.action}


def _offered(exchange: Exchange, offer: Offer, wanted: Sequence[Access]) -> str:
    """A value of WWW-Authenticate. That of Bearer is in UTF-8: clients take the bytes as they come, and build a URL of them, in
    which the token service must know its name again. The realm of Basic is shown to people."""
    if offer.scheme.lower() == "basic":
        return f'{offer.scheme} realm="{_quoted(offer.realm, "latin-1")}"'
    realm = offer.realm
    if offer.scheme.lower() == "bearer" and realm.startswith("/"):
        realm = exchange.service.locations.absolute(exchange.scope, realm)
    parameters = {
        "realm": realm,
        "service": offer.service,
        "scope": scopes.render(wanted),
        "error": offer.error,
    }
    rendered = ",".join(f'{key}="{_quoted(value, "utf-8")}"' for key, value in parameters.items() if value)
    return f"{offer.scheme} {rendered}"


def _quoted(text: str, coding: str) -> str:
    """The text as it may stand in a quoted-string (RFC 9110, section 5.6.4), one character for each byte of its coding: characters
    that this does not have are replaced, and control characters, such as line ends, become spaces."""
    shown = text.translate(_CONTROL).encode(coding, "replace").decode("latin-1")
    return shown.replace("\\", "\\\\").replace('"', '\\"')
