"""Names and digests in a folder that may not exist, and the folders of all repositories. Code that removes what it does not find asks
through `tree`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

from moorage.digest import ALGORITHMS, CANONICAL, Digest
from moorage.drivers.base import Driver, PathNotFound
from moorage.errors import DigestInvalid
from moorage.store import layout
from moorage.store.ahead import answers


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
    return digests_and_others(names, algorithm)[0]


def digests_and_others(names: Iterable[str], algorithm: str = CANONICAL) -> tuple[list[Digest], list[str]]:
    """The names that are the hexadecimal part of a digest, as digests, and the other names."""
    found: list[Digest] = []
    others: list[str] = []
    for name in names:
        try:
            found.append(Digest.parse(f"{algorithm}:{name}"))
        except DigestInvalid:
            others.append(name)
    return found, others


async def repository_folders(
    names: Callable[[str], Awaitable[list[str]]], *, ahead: int
) -> AsyncGenerator[tuple[str, list[str]], None]:
    """Every folder in which a repository may lie, by its name, with what `names` lists in it; in no particular order, and the name
    need not be valid. Up to `ahead` listings are in flight. A caller that stops early has to close the generator
    (`contextlib.aclosing`)."""
    level = [""]
    while level:
        below: list[str] = []
        listing = answers(level, lambda path: names(f"{layout.REPOSITORIES}{path}"), ahead=ahead)
        async with contextlib.aclosing(listing):
            async for path, found in listing:
                yield path[1:], found
                below += [f"{path}/{name}" for name in found if not name.startswith("_")]
        level = below
