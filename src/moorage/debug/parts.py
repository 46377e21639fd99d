"""What the pages tell of."""

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
    """Of one worker. `metrics` None: nobody counts; `notifications` None: nobody wants to know what happens."""

    configuration: Configuration
    shared: Shared
    registry: Registry
    health: Health
    metrics: Metrics | None
    notifications: Notifications | None
