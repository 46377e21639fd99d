"""A driver that keeps a journal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contracts.disk import Inline


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[Inline]:
    made = Inline(str(tmp_path), journaled=True)
    yield made
    await made.close()
