from __future__ import annotations

import pytest

from moorage.auth.base import Access, Challenge, Credentials, Offer
from moorage.auth.silly import Silly

WANTED = [Access("repository", "team/app", "pull")]


async def test_without_the_header_a_token_is_asked_for() -> None:
    with pytest.raises(Challenge) as caught:
        await Silly("https://auth.example/token", "example").authorize(Credentials(), WANTED)
    assert caught.value.offers == (Offer("Bearer", "https://auth.example/token", "example"),)
    assert caught.value.wanted == tuple(WANTED)


@pytest.mark.parametrize("authorization", ["Bearer x", "Basic YTpi", "anything", " "])
async def test_with_any_header_everything_is_allowed(authorization: str) -> None:
    controller = Silly("realm", "service")
    grant = await controller.authorize(Credentials(authorization), WANTED)
    assert grant.user == "silly"
    assert grant.unlimited
    await controller.close()
