"""What the tests of error reporting share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from newrelic.core.config import global_settings  # type: ignore[import-untyped]

from moorage.reporting import dispatch

_KEPT = ("host", "port", "ca_bundle_path", "license_key", "app_name")


@pytest.fixture(autouse=True)
def warnings_are_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its end, a reporter waits until all that waits is sent, however busy the machine is."""
    monkeypatch.setattr(dispatch, "LAST_SECONDS", 60.0)


@pytest.fixture
def newrelic_settings() -> Iterator[Any]:
    """Those of its library, one object for the whole process."""
    settings = global_settings()
    kept = {key: getattr(settings, key) for key in _KEPT}
    yield settings
    for key, value in kept.items():
        setattr(settings, key, value)
