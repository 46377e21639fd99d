"""A power cut that leaves a journal and nothing else, and the start after it."""

from __future__ import annotations

import shutil
from pathlib import Path
from unittest.mock import patch

from moorage.drivers.journal.journal import JOURNAL
from tests.contracts.disk import Inline

ELSEWHERE = patch("moorage.drivers.journal.journal.boot", lambda: "after the power cut")


def segments(root: Path) -> list[Path]:
    folder = root / JOURNAL
    return sorted(folder.glob("[0-9c]*")) if folder.is_dir() else []


def only_journal_survives(root: Path) -> None:
    for path in root.iterdir():
        if path.is_file():
            path.unlink()
        elif path.name != ".moorage":
            shutil.rmtree(path)


async def started(root: Path) -> Inline:
    """A server's driver after a power cut."""
    driver = Inline(str(root), journaled=True)
    with ELSEWHERE:
        driver.prepare()
    return driver
