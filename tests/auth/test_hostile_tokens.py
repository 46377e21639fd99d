"""No token gets in that should not, whatever it is made of; and none of them keeps a good one out afterwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.auth.base import Access, Challenge, Credentials, TokenExpired
from moorage.auth.keyfiles import parse_bundle, parse_jwks
from moorage.auth.keysources import JoinedKeys
from moorage.auth.token import TokenAccess
from moorage.auth.verification import Verifier
from tests.auth import hostile, hostilechains, hostileclaims, hostileforms
from tests.auth.keystore import FixedKeys
from tests.auth.tokens import ISSUER, NOW, SERVICE

PULL = Access("repository", "team/app", "pull")
REFUSED: tuple[Callable[[], hostile.Hostile], ...] = (
    hostile.algorithms,
    hostile.confusion,
    hostile.injections,
    hostile.kids,
    hostilechains.forged,
    hostilechains.disordered,
    hostilechains.unfit,
    hostilechains.garbled,
    hostileforms.headers,
    hostileforms.signatures,
    hostileforms.marked,
    hostileforms.rearranged,
    hostileforms.foreign,
    hostileforms.sizes,
    hostileclaims.times,
    hostileclaims.parties,
    hostileclaims.accesses,
    hostileclaims.payloads,
)
LEAST = 300
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def refusing(reason: str) -> None:
    raise ValueError(reason)


@cache
def controller() -> TokenAccess:
    keys = JoinedKeys(
        FixedKeys(parse_bundle(hostile.bundle(), refusing)),
        FixedKeys(parse_jwks(hostile.key_set(), refusing)),
    )
    verifier = Verifier(ISSUER, SERVICE, (), keys, clock=lambda: NOW)
    return TokenAccess(verifier, "https://auth.example.org/token", SERVICE)


@cache
def good() -> dict[str, str]:
    chain = hostilechains.carrying(hostilechains.last(), hostilechains.middle())
    return {**hostile.good(), "x5c of two": chain}


async def outcome(text: str, *wanted: Access) -> str:
    """The error of the challenge, or what happened instead."""
    try:
        grant = await controller().authorize(Credentials(f"Bearer {text}"), wanted)
    except TokenExpired:
        return "expired, but right"
    except Challenge as refused:
        return refused.offers[0].error if refused.wanted == wanted else "asks for something else"
    except Exception as error:
        return repr(error)
    return f"granted to {grant.user}"


async def gets_in(text: str) -> bool:
    return await outcome(text, PULL) == "granted to ada"


async def test_good_tokens_of_each_kind_get_in() -> None:
    for name, text in good().items():
        assert await outcome(text, PULL) == "granted to ada", name


@pytest.mark.parametrize("family", REFUSED)
async def test_every_token_of_the_family_is_refused(family: Callable[[], hostile.Hostile]) -> None:
    ways, wrong = list(good().values()), {}
    for number, (name, text) in enumerate(family()):
        for wanted in ((), (PULL,)):
            if (found := await outcome(text, *wanted)) != "invalid_token":
                wrong[name] = found
        assert await gets_in(ways[number % len(ways)]), f"a good token is refused after {name}"
    assert not wrong


async def test_right_tokens_that_give_something_else_are_not_enough() -> None:
    ways, wrong = list(good().values()), {}
    for number, (name, text) in enumerate(hostileclaims.insufficient()):
        if (found := await outcome(text, PULL)) != "insufficient_scope":
            wrong[name] = found
        assert await outcome(text) == "granted to ada", f"{name}: the token itself is right"
        assert await gets_in(ways[number % len(ways)]), f"a good token is refused after {name}"
    assert not wrong


def test_the_families_have_hundreds_of_different_tokens() -> None:
    texts = [text for family in (*REFUSED, hostileclaims.insufficient) for _, text in family()]
    assert len(set(texts)) >= LEAST
    assert not set(texts) & set(good().values())


PIECES = (*"ABab01-_.=+/ \0é", "..", "AA", "{}", "====", "eyJhbGciOiJub25lIn0", "\ud800")
WAYS = ("no kid", "libtrust", "thumbprint", "x5c", "x5c of two", "secret", "P-384", "PS256")
EACH = 25
"""Tokens made of one number."""


def edited(text: str, random: Random) -> str:
    """One change, somewhere."""
    at, size, piece = random.randrange(len(text) + 1), random.randrange(9), random.choice(PIECES)
    before, hit, after = text[:at], text[at : at + size], text[at + size :]
    return random.choice(
        (
            before + piece + after,
            before + piece + hit + after,
            before + after,
            before + hit[::-1] + after,
            before + hit + hit + after,
            before + hit.swapcase() + after,
            before + random.choice(ALPHABET) + text[at + 1 :],
            before,
            after,
        )
    )


async def check_mutated(way: str, seed: int) -> None:
    random, right = Random(seed), good()[way]
    for _ in range(EACH):
        text = right
        for _ in range(random.randint(1, 3)):
            text = edited(text, random)
        if text != right:
            assert await outcome(text) == ("invalid_token" if text else ""), text
    assert await gets_in(right)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from(WAYS), st.integers(0, 2**32))
async def test_a_good_token_that_is_changed_in_whatever_way_is_refused(way: str, seed: int) -> None:
    await check_mutated(way, seed)


@pytest.mark.soak
@settings(max_examples=4_000, deadline=None)
@given(st.sampled_from(WAYS), st.integers(0, 2**32))
async def test_a_good_token_that_is_changed_in_whatever_way_is_refused_long(way: str, seed: int) -> None:
    await check_mutated(way, seed)


def test_every_way_to_be_trusted_is_mutated() -> None:
    assert set(WAYS) == set(good())
