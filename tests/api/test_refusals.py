"""The operator's log says why credentials were refused, and nobody can fill it."""

from __future__ import annotations

import logging
from typing import Final

import pytest

from moorage.api import refusals
from moorage.api.refusals import Refusals
from moorage.auth.base import (
    AccessRefused,
    Challenge,
    Denied,
    Grant,
    Offer,
    Throttled,
    TokenExpired,
    Unreachable,
)
from tests.api.test_admission import NAME, Asked, of, registry
from tests.auth.hashing import Clock

REFUSED: Final = [
    Challenge(of("pull"), [Offer("Bearer", "/auth/token")], "the token is refused: it begins later"),
    TokenExpired(of("pull"), [Offer("Bearer", "/auth/token")], Grant("ann"), 0, 1),
    Denied(of("pull"), "no rule lets 'ann' do this"),
    Throttled(3, "too many guesses"),
    Unreachable((), "no keys have come from https://keys.example yet"),
]


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [vars(record)["reason"] for record in caplog.records if record.name == refusals.__name__]


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: type(refused).__name__)
async def test_the_log_says_once_why_credentials_were_refused(
    refused: AccessRefused, caplog: pytest.LogCaptureFixture
) -> None:
    client = registry(Asked(refused))
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            await client("GET", f"/v2/{NAME}/tags/list", headers={"authorization": "Bearer hidden-for-ever"})
    assert reasons(caplog) == [str(refused)]
    assert "hidden-for-ever" not in str([vars(record) for record in caplog.records])


async def test_a_request_without_credentials_is_nothing_to_log(caplog: pytest.LogCaptureFixture) -> None:
    challenge = Challenge(of("pull"), [Offer("Basic", "here")], "no credentials")
    with caplog.at_level(logging.DEBUG):
        await registry(Asked(challenge))("GET", f"/v2/{NAME}/tags/list")
    assert reasons(caplog) == []


def test_a_client_that_makes_up_reasons_keeps_neither_others_nor_itself_out_of_the_log_for_ever() -> None:
    clock = Clock()
    told = Refusals(clock)
    taken = [told.take("192.0.2.1", str(number)) for number in range(50)]
    assert taken == [0] * refusals.TOLD_OF_ONE + [None] * (50 - refusals.TOLD_OF_ONE)
    assert told.take("192.0.2.2", "0") == 50 - refusals.TOLD_OF_ONE
    clock.seconds += refusals.TOLD_SECONDS
    assert told.take("192.0.2.1", "0") == 0


def test_all_clients_together_do_not_fill_the_log() -> None:
    told = Refusals(Clock())
    taken = [told.take(f"192.0.2.{number}", "it begins later") for number in range(200)]
    assert taken == [0] * refusals.TOLD + [None] * (200 - refusals.TOLD)
