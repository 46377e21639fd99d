"""`/auth/token`: the built-in token service (Docker Registry, "Token authentication", "OAuth2 token authentication")."""

from __future__ import annotations

from urllib.parse import parse_qsl

from moorage.api.admission import credentials, refusal
from moorage.api.answer import Answer
from moorage.api.exchange import Exchange
from moorage.auth.base import AccessRefused, TokenRequestInvalid, TokenService
from moorage.errors import NotFound, QueryInvalid, RegistryError

FORM_LIMIT = 32 << 10
FIELD_LIMIT = 50
_NEVER_KEPT = ((b"cache-control", b"no-store"),)


async def get(exchange: Exchange) -> Answer:
    service = _service(exchange)
    try:
        answer = await service.get(
            credentials(exchange),
            service=exchange.parameter("service"),
            scopes=exchange.parameters("scope"),
            account=exchange.parameter("account"),
            offline=exchange.parameter("offline_token") == "true",
        )
    except (AccessRefused, TokenRequestInvalid) as error:
        raise _told(exchange, error) from None
    return Answer.json(answer, headers=_NEVER_KEPT)


async def post(exchange: Exchange) -> Answer:
    service = _service(exchange)
    body = await exchange.body.read(FORM_LIMIT)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELD_LIMIT)
    except ValueError:
        raise QueryInvalid("the body is no form (application/x-www-form-urlencoded)") from None
    try:
        answer = await service.post(dict(pairs), credentials(exchange))
    except (AccessRefused, TokenRequestInvalid) as error:
        raise _told(exchange, error) from None
    return Answer.json(answer, headers=_NEVER_KEPT)


def _service(exchange: Exchange) -> TokenService:
    """Raises NotFound where this registry is no token service."""
    if exchange.service.tokens is None:
        raise NotFound
    return exchange.service.tokens


def _told(exchange: Exchange, error: AccessRefused | TokenRequestInvalid) -> RegistryError:
    if isinstance(error, AccessRefused):
        return refusal(exchange, error)
    return QueryInvalid(f"{error.error}: {error.description}")
