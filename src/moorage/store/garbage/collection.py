"""A garbage collection: everything that may go is found first, then removed."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable
from dataclasses import dataclass, field

from moorage.drivers.base import Driver, DriverError
from moorage.store.announcing import NOTICE_SECONDS, AnotherCollection, announced
from moorage.store.garbage.search import Counts, RepositoriesMissing, Search
from moorage.store.garbage.sweeping import Garbage, Sweep
from moorage.store.registry import Registry

Report = Callable[[str], None]


class CollectionAborted(Exception):
    """The storage failed or does not show what is needed, or another collection is running. Nothing was removed."""


@dataclass
class Collection:
    """What was found, and what was (or would be) removed."""

    counts: Counts
    garbage: Garbage
    warnings: int
    stayed: list[str] = field(default_factory=list)
    """Paths that could not be removed. Neither they nor what they lead to is in `garbage`."""

    @property
    def freed(self) -> int:
        """In bytes."""
        return sum(size for _, size in self.garbage.blobs + self.garbage.copies)

    def as_dict(self) -> dict[str, object]:
        return {
            "repositories": self.counts.repositories,
            "manifests": self.counts.manifests,
            "blobs": self.counts.blobs,
            "young_blobs": self.counts.young,
            "damaged_manifests": self.counts.damaged,
            "warnings": self.warnings,
            "removed_tags": [{"repository": name, "tag": tag} for name, tag in self.garbage.tags],
            "removed_manifests": [
                {"repository": name, "digest": digest} for name, digest in self.garbage.manifests
            ],
            "removed_layer_links": len(self.garbage.layers),
            "removed_repositories": self.garbage.repositories,
            "removed_blobs": [digest for digest, _ in self.garbage.blobs],
            "removed_unfinished_copies": [path for path, _ in self.garbage.copies],
            "not_removed": self.stayed,
            "freed_bytes": self.freed,
        }


async def collect(
    registry: Registry,
    *,
    dry_run: bool = False,
    delete_untagged: bool = False,
    grace: datetime.timedelta = datetime.timedelta(0),
    notice_seconds: float = NOTICE_SECONDS,
    report: Report = lambda _: None,
) -> Collection:
    """Find all garbage, then remove it unless `dry_run` is set. `report` gets a line for each tag, manifest, repository and
    blob that goes. Blobs and untagged manifests that were written less than `grace` ago stay. `notice_seconds` is the time
    that servers on an object store have to notice the collection before it reads anything.

    Garbage that cannot be removed is logged, and is in the result. Raises CollectionAborted before the first removal, and DriverError
    when many removals in a row or all of them fail.
    """
    driver = registry.stock.driver
    search = Search(driver, delete_untagged=delete_untagged, grace=grace.total_seconds())
    async with contextlib.AsyncExitStack() as stack:
        try:
            if not dry_run and not await search.empty():
                await stack.enter_async_context(announced(driver, notice_seconds=notice_seconds))
            await search.run()
        except (AnotherCollection, RepositoriesMissing) as error:
            raise CollectionAborted(str(error)) from None
        except (DriverError, OSError) as error:
            raise CollectionAborted(f"the storage failed: {error}") from None
        if dry_run:
            _tell(search.garbage, report)
            stayed = []
        else:
            stayed = await _sweep(driver, search, report)
    return Collection(search.counts, search.garbage, search.tree.warnings, stayed)


async def _sweep(driver: Driver, search: Search, report: Report) -> list[str]:
    """Remove the garbage; what cannot be removed keeps what it leads to. Returns the paths that stayed."""
    sweep = Sweep(driver, search.garbage, report)
    for name in sorted(await sweep.names()):
        await search.spare(name)
    search.spare_layers(await sweep.links())
    await sweep.content()
    return sweep.stayed


def _tell(garbage: Garbage, report: Report) -> None:
    for name, tag in garbage.tags:
        report(f"tag {name}:{tag}")
    for name, digest in garbage.manifests:
        report(f"manifest {name}@{digest}")
    for name in garbage.repositories:
        report(f"repository {name}")
    for digest, size in garbage.blobs:
        report(f"blob {digest} {size}")
    for path, size in garbage.copies:
        report(f"unfinished copy {path} {size}")
