"""`GET /v2/_catalog`: the repositories (Docker Registry HTTP API V2, "Listing repositories")."""

from __future__ import annotations

import contextlib

from moorage.api.answer import Answer
from moorage.api.exchange import Exchange
from moorage.api.pages import Page, next_link
from moorage.auth.base import LIST, Access

DEFAULT_SIZE = 100


async def get(exchange: Exchange) -> Answer:
    """Lists the repositories that the client may see."""
    service, grant = exchange.service, exchange.grant
    page = Page.of(exchange, min(DEFAULT_SIZE, service.catalog_limit), service.catalog_limit)
    found: list[str] = []
    if page.size:
        async with contextlib.aclosing(service.registry.names(page.last)) as names:
            async for name in names:
                if not grant.unlimited and not grant.allows(Access("repository", name, LIST)):
                    continue
                found.append(name)
                if len(found) > page.size:
                    break
    listed, more = page.cut(found)
    headers = [next_link(exchange, "/v2/_catalog", len(listed), listed[-1])] if more else []
    return Answer.json({"repositories": listed}, headers=headers)
