from __future__ import annotations

import asyncio
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.auth.base import CATALOG, Access
from moorage.auth.granting import granted
from moorage.auth.scopes import Scope
from tests.auth.deployment import of

NAMES = st.sampled_from(["team/app", "team/web", "public/app", "Bad", "*", "", "catalog"])


ACTIONS = st.frozensets(st.sampled_from(["pull", "push", "delete", "*", "catalog", "admin"]))


REQUESTED = st.lists(
    st.builds(
        Scope,
        st.sampled_from(["repository", "registry", "other"]),
        NAMES,
        ACTIONS,
    ),
    max_size=6,
)


ALLOWED = st.frozensets(
    st.builds(of, st.sampled_from(["pull", "push", "delete"]), NAMES) | st.just(CATALOG), max_size=8
)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(REQUESTED, ALLOWED)
async def test_never_more_is_granted_than_was_asked_for_and_is_allowed_and_never_less(
    requested: list[Scope], allowed: frozenset[Access]
) -> None:
    found = await granted(requested, allowed.__contains__)
    given = [Access(scope.kind, scope.name, action) for scope in found for action in scope.actions]
    assert len(set(given)) == len(given)
    assert [(scope.kind, scope.name) for scope in found] == sorted({(one.kind, one.name) for one in given})
    sensible = {"team/app", "team/web", "public/app", "catalog"}
    assert set(given) == {
        one for one in allowed if one.name in sensible and any(scope.holds(one) for scope in requested)
    }


async def test_others_get_their_turn_while_thousands_of_decisions_are_made() -> None:
    turns: list[int] = []

    async def other() -> None:
        while True:
            turns.append(decided)
            await asyncio.sleep(0)

    decided = 0

    def allows(_: Access) -> bool:
        nonlocal decided
        decided += 1
        time.sleep(0.001)
        return True

    waiting = asyncio.create_task(other())
    await asyncio.sleep(0)
    await granted([Scope("repository", f"a{number}", frozenset({"pull"})) for number in range(60)], allows)
    waiting.cancel()
    assert len({turn for turn in turns if 0 < turn < 60}) > 2
