"""A power cut, and the start after it."""

from __future__ import annotations

import shutil
from pathlib import Path

from moorage.drivers.journal.journal import JOURNAL
from tests.contracts.disk import Inline


def segments(root: Path) -> list[Path]:
    folder = root / JOURNAL
    return sorted(folder.glob("[0-9c]*")) if folder.is_dir() else []


def everybody_is_gone(root: Path) -> None:
    """The drivers of a test live on, with locks on files that nobody finds any more."""
    (root / JOURNAL / "present").unlink()


def only_journal_survives(root: Path) -> None:
    everybody_is_gone(root)
    for path in root.iterdir():
        if path.is_file():
            path.unlink()
        elif path.name != ".moorage":
            shutil.rmtree(path)


async def started(root: Path) -> Inline:
    """A server's driver."""
    driver = Inline(str(root), journaled=True)
    driver.prepare()
    return driver
