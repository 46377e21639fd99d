"""Preconditions on immutable content (RFC 9110, section 13)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from moorage.api.conditions import check_precondition, ranges_apply, unchanged
from moorage.digest import Digest
from moorage.errors import PreconditionFailed

DIGEST = Digest.of(b"content")
STRONG, WEAK, OTHER = f'"{DIGEST}"', f'W/"{DIGEST}"', '"other"'


def asked(**headers: str) -> Any:
    return SimpleNamespace(header=lambda name: headers.get(name.decode().replace("-", "_")))


@pytest.mark.parametrize("header", [STRONG, WEAK, str(DIGEST), f"{OTHER}, {WEAK}", "*"])
def test_content_that_the_client_has_is_unchanged(header: str) -> None:
    assert unchanged(asked(if_none_match=header), DIGEST)


def test_content_that_the_client_does_not_have_is_sent() -> None:
    assert not unchanged(asked(if_none_match=OTHER), DIGEST)
    assert not unchanged(asked(), DIGEST)


@pytest.mark.parametrize("header", [STRONG, str(DIGEST), f"{OTHER}, {STRONG}", "*"])
def test_a_precondition_that_names_the_content_holds(header: str) -> None:
    check_precondition(asked(if_match=header), DIGEST)


@pytest.mark.parametrize("header", [WEAK, OTHER, ""])
def test_a_precondition_with_a_weak_or_another_tag_fails(header: str) -> None:
    with pytest.raises(PreconditionFailed):
        check_precondition(asked(if_match=header), DIGEST)


@pytest.mark.parametrize(("header", "applies"), [(STRONG, True), (WEAK, False), (OTHER, False)])
def test_a_range_applies_to_the_very_content(header: str, applies: bool) -> None:
    assert ranges_apply(asked(if_range=header), DIGEST) is applies
