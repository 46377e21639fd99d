"""Is the registry fit to serve? Asked now and then, so that a probe of ours costs nobody anything."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence

from moorage.config import Configuration
from moorage.drivers.base import Driver
from moorage.health.storage import StorageHealth
from moorage.shared import Switch


class Health:
    """The checks that the configuration names, and the switch. `work` goes on for as long as the worker lives."""

    def __init__(self, storage: StorageHealth, switch: Switch, *, probes: bool) -> None:
        self._storage = storage
        self._switch = switch
        self._probes = probes

    @property
    def work(self) -> Sequence[Callable[[], Coroutine[None, None, None]]]:
        return [self._storage.watch] if self._probes else []

    def healthy(self) -> bool:
        """Whether to serve requests. Asked at each."""
        return not self._switch.down and (not self._probes or self._storage.healthy)

    async def ready(self) -> bool:
        """Whether the storage answers just now."""
        await self._storage.probe()
        return self._storage.healthy


def build(configuration: Configuration, driver: Driver, switch: Switch) -> Health:
    probe = configuration.health.storagedriver
    storage = StorageHealth(driver, interval=probe.interval.total_seconds(), threshold=probe.threshold)
    return Health(storage, switch, probes=probe.enabled)
