"""The debug listener: health, metrics and facts about the process, on an address of its own."""

from __future__ import annotations

from dataclasses import dataclass

from moorage.config import Configuration
from moorage.health import Health
from moorage.metrics import Metrics
from moorage.notifications import Notifications
from moorage.shared import Shared
from moorage.store.registry import Registry


@dataclass(frozen=True)
class Parts:
    """What the pages tell of."""

    configuration: Configuration
    shared: Shared
    registry: Registry
    health: Health
    metrics: Metrics | None
    notifications: Notifications | None


class Listener:
    """Takes connections from the socket that the workers share, whichever is free."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def start(self) -> None:
        return None

    async def close(self) -> None:
        return None
