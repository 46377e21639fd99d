"""Access by ID tokens as the configuration would make it, and what it answers."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from moorage.auth.base import Access, AccessController, Challenge, Credentials, Offer
from moorage.auth.extensions import Context
from moorage.auth.oidc import OpenIdAccess, controller
from tests.auth.provider import AUDIENCE, Provider
from tests.auth.tokens import NOW

PUSH = [Access("repository", "team/app", "pull"), Access("repository", "team/app", "push")]
JOB = "repo:acme/app:ref:refs/heads/main"
BASIC, BEARER = Offer("Basic", "OpenID token"), Offer("Bearer", "OpenID token", error="invalid_token")


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def access(
    provider: Provider, clock: Clock | None = None, **options: Any
) -> AsyncIterator[OpenIdAccess]:
    """As the configuration would make it."""
    given = {"issuer": provider.issuer, "audience": AUDIENCE, **options}
    made = controller(given, Context("auth.oidc"), clock=clock or Clock())
    try:
        yield made
    finally:
        await made.close()


def bearer(token: str) -> Credentials:
    return Credentials(f"Bearer {token}")


def basic(token: str, user: str = "job") -> Credentials:
    return Credentials(f"Basic {base64.b64encode(f'{user}:{token}'.encode()).decode()}")


async def answer(made: AccessController, credentials: Credentials) -> str:
    """Who it is, or what is said instead."""
    try:
        return (await made.authorize(credentials, PUSH)).user
    except Challenge as refused:
        return type(refused).__name__


async def refusal(made: AccessController, token: str) -> str:
    """Why; nobody gets in by it either way."""
    reasons = []
    for credentials, offer in ((bearer(token), BEARER), (basic(token), BASIC)):
        with pytest.raises(Challenge) as caught:
            await made.authorize(credentials, PUSH)
        assert type(caught.value) is Challenge
        assert caught.value.offers == (offer,)
        assert caught.value.wanted == tuple(PUSH)
        reasons.append(str(caught.value))
    assert len(set(reasons)) == 1
    return reasons[0]
