"""`GET /v2/<name>/tags/list` (distribution-spec, "Listing tags")."""

from __future__ import annotations

from moorage.api.answer import Answer
from moorage.api.exchange import Exchange
from moorage.api.pages import Page, next_link


async def get(exchange: Exchange) -> Answer:
    repository = exchange.repository
    page = Page.of(exchange, None, exchange.service.tags_limit)
    limit = None if page.size is None else page.size + 1
    names, more = page.cut(await repository.tags.names(page.last, limit))
    path = f"/v2/{repository.name}/tags/list"
    headers = [next_link(exchange, path, len(names), names[-1])] if more else []
    return Answer.json({"name": repository.name, "tags": names}, headers=headers)
