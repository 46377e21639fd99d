"""The dashboard is one of Grafana: its makers' own models (those with which dashboards are written as code) know all that it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

DASHBOARDS = sorted((Path(__file__).parents[2] / "deploy/grafana").glob("*.json"))

UNMODELLED = {"id", "templating.list.definition"}
"""An id that is null asks for a new one; a definition is what the page of settings shows of a query."""


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_grafana_knows_all_that_a_dashboard_says(path: Path) -> None:
    written = json.loads(path.read_text())
    understood = understanding(written)
    assert set(lost(written, understood)) == UNMODELLED
    assert {panel["type"] for panel in understood["panels"]} >= {"timeseries", "stat", "row"}


def test_what_grafana_does_not_know_is_found() -> None:
    written = json.loads(DASHBOARDS[0].read_text())
    panel = next(panel for panel in written["panels"] if panel["type"] == "timeseries")
    panel["fieldConfig"]["defaults"]["custom"]["lineWide"] = 2
    panel["targets"][0]["expresion"] = "up"
    found = set(lost(written, understanding(written)))
    assert found - UNMODELLED == {"panels.fieldConfig.defaults.custom.lineWide", "panels.targets.expresion"}


def understanding(written: Any) -> Any:
    plugins.register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(written)))


def lost(written: Any, understood: Any, at: str = "") -> Iterator[str]:
    """The keys that did not come through, as dotted paths; fails for a value that came through as another."""
    if isinstance(written, dict) and isinstance(understood, dict):
        for key, value in written.items():
            below = f"{at}.{key}".lstrip(".")
            if key in understood:
                yield from lost(value, understood[key], below)
            else:
                yield below
    elif isinstance(written, list) and isinstance(understood, list):
        assert len(written) == len(understood), at
        for one, other in zip(written, understood, strict=True):
            yield from lost(one, other, at)
    else:
        assert written == understood, at
