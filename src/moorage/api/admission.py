"""Whether a request may be answered: from what its route needs to a grant, and from a refusal to an error.

The name that is asked for is parsed here, before anybody is asked about it, so the controller, the handler and the log
speak of the same one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

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

Need = Literal["pull", "push", "delete", "catalog", "known", "nothing"]
"""What a client must be allowed to do. `known`: to sign in; `nothing`: for everybody."""

AUTHORIZATION_LIMIT = 20 << 10
RETRY_SECONDS = "5"
REMEMBERED = 1024
"""Names, with what is needed there."""

_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ")
_ACTIONS: dict[str, tuple[str, ...]] = {"pull": ("pull",), "push": ("pull", "push"), "delete": ("delete",)}


async def admit(exchange: Exchange, controller: AccessController, need: Need) -> Grant:
    """Raises NameInvalid, Unauthorized, Denied, TooManyRequests, Unavailable."""
    wanted = _wanted(exchange.name, need)
    try:
        return await controller.authorize(credentials(exchange), wanted)
    except TokenExpired as expired:
        if _began_in_time(exchange, expired):
            return expired.grant
        raise refusal(exchange, expired) from None
    except AccessRefused as refused:
        raise refusal(exchange, refused) from None


def credentials(exchange: Exchange) -> Credentials:
    """Raises HeaderTooLarge."""
    authorization = exchange.header(b"authorization") or ""
    if len(authorization) > AUTHORIZATION_LIMIT:
        raise HeaderTooLarge
    return Credentials(authorization, exchange.client)


def refusal(exchange: Exchange, refused: AccessRefused) -> RegistryError:
    """What the client is told: which action on which repository, and how to come again."""
    detail = [_detail(access) for access in refused.wanted] or None
    if isinstance(refused, Challenge):
        offers = ", ".join(_offered(exchange, offer, refused.wanted) for offer in refused.offers)
        return Unauthorized(detail=detail, headers={"WWW-Authenticate": offers})
    if isinstance(refused, Throttled):
        return TooManyRequests(
            "too many failed sign-ins, wait before the next one",
            headers={"Retry-After": str(max(1, round(refused.seconds)))},
        )
    if isinstance(refused, Unreachable):
        return Unavailable(
            "who may do what cannot be asked now, try again", headers={"Retry-After": RETRY_SECONDS}
        )
    told = ", ".join(map(str, refused.wanted))
    return Denied(f"requested access to the resource is denied: {told}" if told else None, detail=detail)


@lru_cache(maxsize=REMEMBERED)
def _wanted(name: str, need: Need) -> tuple[Access, ...]:
    """Raises NameInvalid."""
    if need == "known":
        return ()
    if need == "catalog":
        return (CATALOG,)
    repository = Name.parse(name)
    return tuple(Access("repository", repository, action) for action in _ACTIONS[need])


def _began_in_time(exchange: Exchange, expired: TokenExpired) -> bool:
    """Whether this goes on with an upload that the token allowed when it began: uploads of large layers outlast tokens. The
    state in the URL is signed and says when that was and who it was."""
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
    """A value of WWW-Authenticate."""
    realm = offer.realm
    if offer.scheme.lower() == "bearer" and realm.startswith("/"):
        realm = exchange.service.locations.absolute(exchange.scope, realm)
    parameters = {
        "realm": realm,
        "service": offer.service,
        "scope": scopes.render(wanted),
        "error": offer.error,
    }
    if offer.scheme.lower() == "basic":
        parameters = {"realm": realm}
    told = ",".join(f'{key}="{_quoted(value)}"' for key, value in parameters.items() if value)
    return f"{offer.scheme} {told}"


def _quoted(text: str) -> str:
    """What stands in a quoted-string (RFC 9110, section 5.6.4): a name in another script cannot, nor can the end of a line."""
    shown = text.encode("latin-1", "replace").decode("latin-1").translate(_CONTROL)
    return shown.replace("\\", "\\\\").replace('"', '\\"')
