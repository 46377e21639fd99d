"""Pulls and pushes by repository, for so many names and no more."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from moorage import metrics
from moorage.api.exchange import Exchange
from moorage.metrics.repositories import Repositories
from moorage.metrics.slots import Slot, take
from tests.metrics.scraped import Page


def counted(folder: Path) -> Page:
    watching = metrics.Metrics(str(folder))
    page = Page(watching.page().decode())
    watching.close()
    return page


def pull(slot: Slot, *names: str) -> None:
    repositories = Repositories(slot.counters, limit=2)
    for name in names:
        exchange = cast(Exchange, SimpleNamespace(name=name))
        repositories.pulled(exchange)
        repositories.pushed(exchange)


def test_names_beyond_the_limit_share_one_series(tmp_path: Path) -> None:
    slot = take(tmp_path)
    pull(slot, "a", "a", "b/c", "d", "e", "a")
    for name in ("registry_repository_pulls_total", "registry_repository_pushes_total"):
        assert counted(tmp_path).values(name, "repository") == {"a": 3.0, "b/c": 1.0, "_other": 2.0}
    slot.close()


def test_who_goes_on_in_files_knows_the_names_in_them(tmp_path: Path) -> None:
    """Else each worker that dies would make room for as many names again."""
    for names in (("a", "b"), ("c", "a"), ("d", "b")):
        slot = take(tmp_path)
        pull(slot, *names)
        slot.close()
    assert counted(tmp_path).values("registry_repository_pulls_total", "repository") == {
        "a": 2.0,
        "b": 2.0,
        "_other": 2.0,
    }
