"""Time for what is not meant to be too late."""

from __future__ import annotations

import pytest


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for keys gets them, however long a machine or its disk takes that has much else to do."""
    monkeypatch.setattr("moorage.auth.remotekeys.FAILING_SECONDS", 60.0)
    monkeypatch.setattr("moorage.auth.signing.PATIENCE_SECONDS", 60.0)
