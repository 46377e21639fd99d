"""A registry, the proxy between it and its store, and the bucket behind both."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from moorage.store.garbage.collection import Collection, collect
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from tests.drivers.objectstore.stores import driver_over
from tests.stores.bucket import Bucket
from tests.stores.server import store_server
from tests.support import forking
from tests.support.objectstores import S3
from tests.support.server import Server, running
from tests.support.storeproxy import StoreProxy, proxying


@dataclass(frozen=True)
class Site:
    server: Server
    proxy: StoreProxy
    bucket: Bucket

    def command(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """With the configuration of the server."""
        return forking.command(name, self.server.command[-1], *options, seconds=300)

    def collect(self, *, delete_untagged: bool = False, dry_run: bool = False) -> Collection:
        """Collect garbage at once, without the time that servers are given to notice: what they remember may be wrong then.
        Raises CollectionAborted, DriverError."""

        async def run() -> Collection:
            driver = driver_over(self.bucket.store, self.bucket.root, endpoint=self.proxy.endpoint)
            try:
                registry = Registry(Stock(driver))
                return await collect(
                    registry, delete_untagged=delete_untagged, dry_run=dry_run, notice_seconds=0
                )
            finally:
                await driver.close()

        return asyncio.run(run())

    @property
    def log(self) -> str:
        return self.server.log.read_text()


@contextmanager
def site(
    folder: Path,
    store: S3,
    *,
    redirect: bool = False,
    cache: str = "inmemory",
    start: bool = True,
    keys: Mapping[str, object] = MappingProxyType({}),
) -> Iterator[Site]:
    """Over a folder of the bucket with nothing but a secret; over an empty one, with `start` false, where the server is started
    by the test. `keys`: of the driver."""
    root = f"sites/{folder.name}"
    with proxying(store.endpoint) as proxy:
        server = store_server(
            folder,
            store,
            root=root,
            endpoint=proxy.endpoint,
            redirect=redirect,
            cache=cache,
            chunksize=5 << 20,
            **keys,  # type: ignore[arg-type] # names and values as in a configuration
        )
        found = Site(server, proxy, Bucket(store, root))
        if not start:
            yield found
            return
        found.bucket.with_secret()
        with running(server):
            yield found
