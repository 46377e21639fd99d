"""One server for all that only asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.debug.asking import Debugged, debugged
from tests.debug.secret import ENVIRONMENT, HTTP, REST
from tests.support.server import running


@pytest.fixture(scope="session")
def listener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debugged]:
    """Whoever changes what it answers, changes it back."""
    at = debugged(
        tmp_path_factory.mktemp("listener"), http=HTTP, rest=REST, prometheus=True, environment=ENVIRONMENT
    )
    with running(at.server):
        yield at
