"""One authority for all tests that do not stop it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.letsencrypt.pebble import Pebble, pebble


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with pebble(tmp_path_factory.mktemp("pebble")) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the machine must not come between loopback and us."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
