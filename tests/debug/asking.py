"""Whole servers with a debug listener, and short questions to both of their ports."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.support.exchange import Answer, exchange
from tests.support.ports import free_port
from tests.support.server import Server, moorage_server

NOTHING: Mapping[str, str] = MappingProxyType({})
PATIENCE_SECONDS = 30.0


def ask(port: int, path: str, method: str = "GET", headers: Mapping[str, str] = NOTHING) -> Answer:
    """On a connection of its own, so that any worker may take it."""
    return exchange(f"127.0.0.1:{port}", method, path, headers=headers)


@dataclass(frozen=True)
class Debugged:
    server: Server
    debug: int
    """The port of its debug listener."""

    def api(self, path: str = "/v2/") -> Answer:
        return ask(self.server.port, path)

    def page(self, path: str, method: str = "GET", headers: Mapping[str, str] = NOTHING) -> Answer:
        return ask(self.debug, path, method, headers)

    def statuses(self, times: int = 30) -> set[int]:
        """Of the API, asked so often that every worker answered."""
        return {self.api().status for _ in range(times)}

    @property
    def log(self) -> str:
        return self.server.log.read_text()


def debugged(
    folder: Path,
    *,
    rest: str = "",
    http: str = "",
    prometheus: bool = False,
    environment: Mapping[str, str] = NOTHING,
) -> Debugged:
    """Two workers, not yet started. `http`: YAML below the keys of that section; `rest`: other sections."""
    debug = free_port()
    extra = (
        f"  debug: {{addr: '127.0.0.1:{debug}', prometheus: {{enabled: {str(prometheus).lower()}}}}}\n"
        f"  workers: 2\n{http}{rest}"
    )
    return Debugged(moorage_server(folder, extra=extra, environment=environment), debug)


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for it; an AssertionError says what did not happen."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)
