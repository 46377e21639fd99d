"""`/auth/token`: the built-in token service (Docker Registry, "Token authentication", "OAuth2 token authentication")."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from moorage.api.admission import credentials, decided, refusal
from moorage.api.answer import Answer
from moorage.api.body import BodyTooLarge
from moorage.api.exchange import Exchange
from moorage.auth.base import AccessRefused, Challenge, TokenRequestInvalid, TokenService
from moorage.auth.scopes import MOST
from moorage.errors import (
    HeaderTooLarge,
    QueryInvalid,
    RegistryError,
    RequestTimeout,
    Unauthorized,
)

QUERY_LIMIT = 60 << 10
"""Clients such as regclient keep one token for a registry, and request all scopes so far. The server takes 64 KiB of head."""
PARAMETER_LIMIT = MOST + 10
FORM_LIMIT = 64 << 10
FORM_SECONDS = 10.0
FIELD_LIMIT = 50
_NEVER_KEPT = ((b"cache-control", b"no-store"),)


async def get(exchange: Exchange) -> Answer:
    service = _service(exchange)
    _parse_query(exchange)
    asked = service.get(
        credentials(exchange),
        service=exchange.parameter("service"),
        scopes=exchange.parameters("scope"),
        account=exchange.parameter("account"),
        offline=exchange.parameter("offline_token") == "true",
    )
    return await _answered(exchange, asked)


async def post(exchange: Exchange) -> Answer:
    service = _service(exchange)
    body = await _form(exchange)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELD_LIMIT)
    except ValueError:
        raise QueryInvalid("the body is no form (application/x-www-form-urlencoded)") from None
    return await _answered(exchange, service.post(dict(pairs), credentials(exchange)))


async def _answered(exchange: Exchange, asked: Awaitable[Mapping[str, Any]]) -> Answer:
    try:
        answer = await decided(asked)
    except AccessRefused as refused:
        exchange.service.refusals.tell(exchange, str(refused), presented=exchange.method == "POST")
        raise _refusal(exchange, refused) from None
    except TokenRequestInvalid as error:
        if error.error == "invalid_grant":
            exchange.service.refusals.tell(exchange, error.description, presented=True)
        return _invalid(error)
    return Answer.json(answer, headers=_NEVER_KEPT)


def _parse_query(exchange: Exchange) -> None:
    try:
        exchange.parse_query(QUERY_LIMIT, PARAMETER_LIMIT)
    except HeaderTooLarge as error:
        error.message += ": ask for fewer repositories"
        raise


async def _form(exchange: Exchange) -> bytes:
    try:
        async with exchange.service.strangers.place(), asyncio.timeout(FORM_SECONDS):
            return await exchange.body.read(FORM_LIMIT)
    except TimeoutError:
        raise RequestTimeout(f"the form was not complete within {FORM_SECONDS:g}s") from None
    except BodyTooLarge:
        raise QueryInvalid(f"the form is larger than {FORM_LIMIT} bytes") from None


def _service(exchange: Exchange) -> TokenService:
    assert exchange.service.tokens is not None, "without one there is no such route (endpoint)"
    return exchange.service.tokens


def _refusal(exchange: Exchange, refused: AccessRefused) -> RegistryError:
    told = refusal(exchange, refused)
    if isinstance(refused, Challenge) and _with_password(exchange):
        # Docker does not show the usual message without details, and retries layers for half a minute.
        told.message = "wrong user name or password"
    return told


def _with_password(exchange: Exchange) -> bool:
    """Whether the request had a password. A form that is challenged always had one."""
    scheme, _, _ = (exchange.header(b"authorization") or "").partition(" ")
    return exchange.method == "POST" or scheme.lower() == "basic"


def _invalid(error: TokenRequestInvalid) -> Answer:
    """The error twice: in the form of OAuth2 (RFC 6749, section 5.2), and in the form that Docker shows."""
    told = {"error": error.error, "error_description": error.description}
    kind = Unauthorized if error.error == "invalid_grant" else QueryInvalid
    entries = kind(f"{error.error}: {error.description}").entries()
    return Answer.json({**told, "errors": entries}, status=QueryInvalid.status, headers=_NEVER_KEPT)
