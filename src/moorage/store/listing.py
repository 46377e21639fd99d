"""Names and digests in a folder that may not exist. Code that removes what it does not find uses `tree` instead."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from moorage.digest import ALGORITHMS, CANONICAL, Digest
from moorage.drivers.base import Driver, PathNotFound
from moorage.errors import DigestInvalid


async def names_in(driver: Driver, folder: str) -> list[str]:
    """The names in a folder, sorted; empty if it does not exist. Raises DriverError."""
    try:
        return await driver.children(folder)
    except PathNotFound:
        return []


async def digests_in(driver: Driver, folder: str, algorithms: Iterable[str] = ALGORITHMS) -> list[Digest]:
    """The digests that lie in a folder as `<algorithm>/<hex>`. Anything else there is ignored. Raises DriverError."""
    found: list[Digest] = []
    for algorithm in algorithms:
        found += digests_among(await names_in(driver, f"{folder}/{algorithm}"), algorithm)
    return found


def digests_among(names: Iterable[str], algorithm: str = CANONICAL) -> list[Digest]:
    """The names that are the hexadecimal part of a digest, as digests. Other names do not belong to the registry."""
    found: list[Digest] = []
    for name in names:
        with contextlib.suppress(DigestInvalid):
            found.append(Digest.parse(f"{algorithm}:{name}"))
    return found
