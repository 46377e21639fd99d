"""Listeners that end with their test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.events.listener import Listener


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as listening:
        yield listening


@pytest.fixture
def other() -> Iterator[Listener]:
    with Listener() as listening:
        yield listening
