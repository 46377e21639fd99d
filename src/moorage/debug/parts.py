"""The parts of a worker that the pages describe."""

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
    """The parts of one worker."""

    configuration: Configuration
    shared: Shared
    registry: Registry
    health: Health
    metrics: Metrics | None
    """None if nothing is counted."""
    notifications: Notifications | None
    """None if no endpoints are configured."""
