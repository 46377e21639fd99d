"""Whoever is asked learns for which trace."""

from __future__ import annotations

from contextvars import ContextVar

import pytest

from moorage.auth.keyfiles import parse_public_jwks
from moorage.auth.remotekeys import RemoteKeys
from moorage.observe import outward
from tests.auth.publishing import publishing
from tests.auth.tokens import ec_key, jwk, jwks


def test_without_traces_nobody_learns_of_any() -> None:
    assert outward.headers() == {}


async def test_who_is_asked_for_the_keys_of_tokens_does(monkeypatch: pytest.MonkeyPatch) -> None:
    trace: ContextVar[str] = ContextVar("trace")
    monkeypatch.setattr(outward, "_inject", lambda headers: headers.update(traceparent=trace.get()))
    trace.set("00-aa-bb-01")
    async with publishing(jwks(jwk(ec_key(), kid="one"))) as publisher:
        keys = RemoteKeys(publisher.url, "auth.token.jwks", parse_public_jwks)
        await keys.current()
        await keys.close()
        assert publisher.requests[0].headers["traceparent"] == "00-aa-bb-01"
