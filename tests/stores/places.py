"""Storages of every driver in one shape: a configuration for commands, a server and a driver over the same tree."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from moorage.drivers.base import Driver
from moorage.drivers.filesystem import FilesystemDriver
from tests.drivers.objectstore.stores import driver_over
from tests.store.shelf import Shelf
from tests.stores.commands import in_store, on_disk
from tests.stores.server import SECRET, Service, store_server
from tests.support.server import Server, moorage_server
from tests.support.storeproxy import StoreProxy, proxying

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """A storage that is empty at first. Commands reach a store through `proxy`, the server and the driver without it."""

    config: Path
    server: Server
    proxy: StoreProxy | None
    driver: Callable[[], Driver]

    @asynccontextmanager
    async def shelf(self) -> AsyncIterator[Shelf]:
        driver = self.driver()
        try:
            yield Shelf(driver)
        finally:
            await driver.close()

    def on_shelf(self, work: Callable[[Shelf], Awaitable[T]]) -> T:
        async def run() -> T:
            async with self.shelf() as shelf:
                return await work(shelf)

        return asyncio.run(run())


@contextmanager
def place(folder: Path, service: Service | None) -> Iterator[Place]:
    """A disk without a service. The server is not started."""
    folder.mkdir()
    config, root = folder / "command.yml", folder / "root"
    if service is None:
        server = moorage_server(folder / "server", root=root)
        yield Place(on_disk(config, root), server, None, lambda: FilesystemDriver(str(root)))
        return
    name = f"places/{secrets.token_hex(6)}"
    with proxying(service.endpoint) as proxy:
        in_store(config, replace(service, endpoint=proxy.endpoint), name)
        server = store_server(folder / "server", service, root=name, secret=SECRET)
        yield Place(config, server, proxy, lambda: driver_over(service, name))
