"""Notifications as the configuration names them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence

from moorage.config import Configuration
from moorage.events.base import EventSink
from moorage.shared import Shared


class Notifications:
    """`sink` takes events, `work` delivers them for as long as the worker lives."""

    sink: EventSink
    work: Sequence[Callable[[], Coroutine[None, None, None]]]

    async def close(self) -> None:
        """What was told without waiting is kept first."""


def build(configuration: Configuration, shared: Shared) -> Notifications | None:
    """None where no endpoint is enabled."""
    return None
