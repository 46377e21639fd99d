"""`GET /v2/`: confirms that this is a registry (distribution-spec, "Determining support")."""

from __future__ import annotations

from moorage.api.answer import Answer
from moorage.api.exchange import Exchange


async def get(_: Exchange) -> Answer:
    return Answer.json({})
