"""What a registry does in its life, in small: a state to start from and the work that something interrupts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tests.store.images import image, index, noise
from tests.store.ledger import World

Work = Callable[[World], Awaitable[None]]

BOTH: Final = ("sha256", "sha512")


@dataclass(frozen=True)
class Scenario:
    """`before` is done in peace, `work` is what is interrupted."""

    name: str
    before: Work
    work: Work

    def __str__(self) -> str:
        return self.name


FIRST, SECOND, THIRD = image("first", layers=2), image("second"), image("third", layers=3, size=2_000)
LIST = index(FIRST, SECOND)
SIGNATURE = image("signature", subject=FIRST)
STRONG = image("strong", algorithm="sha512")
COUNTERSIGNATURE = image("countersignature", subject=SIGNATURE)
CHUNKED = image("chunked", size=5_000)


async def nothing(_: World) -> None:
    return None


async def one_image(world: World) -> None:
    await world.push("team/app", FIRST, "latest")


async def two_images(world: World) -> None:
    await world.push("team/app", FIRST, "latest", "v1")
    await world.push("team/app", SECOND, "v2")


async def push_new(world: World) -> None:
    await world.push("team/app", SECOND, "v2")
    await world.push("team/app", THIRD, "v3", "stable")


async def first_push(world: World) -> None:
    await world.push("deep/er/name", FIRST, "latest")


async def overwrite_tag(world: World) -> None:
    await world.push("team/app", SECOND, "latest")
    await world.push("team/app", FIRST, "latest")


async def push_again(world: World) -> None:
    await world.push("team/app", FIRST, "latest")


async def delete_tag(world: World) -> None:
    await world.delete_tag("team/app", "v1")
    await world.push_manifest("team/app", SECOND, "v1")
    await world.delete_tag("team/app", "v2")


async def delete_manifest(world: World) -> None:
    await world.delete_manifest("team/app", FIRST.digest)
    await world.push("team/app", FIRST, "latest")


async def mount(world: World) -> None:
    for blob in FIRST.blobs:
        await world.mount("team/other", blob, "team/app")
    await world.push_manifest("team/other", FIRST, "latest")


async def chunked(world: World) -> None:
    await world.push("team/app", CHUNKED, "chunked", chunks=3)


async def strong(world: World) -> None:
    await world.push("team/app", STRONG, "strong", algorithms=BOTH)
    await world.delete_manifest("team/app", STRONG.digest)


async def indexes(world: World) -> None:
    await world.push("team/app", LIST, "list")
    await world.push("team/app", SIGNATURE)


async def untagged(world: World) -> None:
    await world.push("team/app", FIRST, "latest")
    await world.push("team/app", SECOND)
    await world.push("team/app", THIRD, "v3")
    await world.push("team/other", SECOND, "kept")
    await world.push("team/app", SIGNATURE)
    await world.push_blob("team/app", noise("orphan", 100))
    await world.delete_tag("team/app", "v3")


async def collect(world: World) -> None:
    await world.collect()


async def collect_untagged(world: World) -> None:
    await world.collect(delete_untagged=True)
    await world.push("team/app", THIRD, "v3")


async def shared(world: World) -> None:
    await world.push("team/app", FIRST, "latest")
    await world.push("other/app", FIRST, "latest")
    await world.delete_manifest("team/app", FIRST.digest)
    for blob in FIRST.blobs:
        await world.delete_blob("team/app", blob)
    await world.collect()


async def many_tags(world: World) -> None:
    await world.push("team/app", FIRST, *(f"build-{number}" for number in range(8)))
    await world.push("team/app", SECOND, *(f"build-{number}" for number in range(0, 8, 3)))
    await world.delete_manifest("team/app", FIRST.digest)


async def referrers(world: World) -> None:
    await world.push("team/app", SIGNATURE)
    await world.push("team/app", COUNTERSIGNATURE)
    await world.delete_manifest("team/app", SIGNATURE.digest)
    await world.delete_manifest("team/app", FIRST.digest)


async def two_workers(world: World) -> None:
    """Each remembers folders that the other one removes."""
    other = world.other_worker()
    await world.push("team/app", FIRST, "v1")
    await other.delete_tag("team/app", "v1")
    await world.push_manifest("team/app", FIRST, "v1")
    await other.delete_manifest("team/app", FIRST.digest)
    await world.push("team/app", FIRST, "v1")
    await other.collect()
    await other.push("team/app", SECOND, "v1")
    await other.delete_manifest("team/app", FIRST.digest)
    for blob in FIRST.blobs:
        await other.delete_blob("team/app", blob)
    await other.collect()
    await world.push("team/app", FIRST, "v2")


async def neighbours(world: World) -> None:
    """Repositories inside each other share folders."""
    for name in ("n", "n/n", "n-n", "n/n/n/n"):
        await world.push(name, SECOND, "latest")
    await world.delete_manifest("n/n", SECOND.digest)


async def retag(world: World) -> None:
    for tag, pushed in (("latest", SECOND), ("v1", FIRST), ("v2", FIRST), ("latest", FIRST), ("v3", SECOND)):
        await world.push_manifest("team/app", pushed, tag)


async def a_day(world: World) -> None:
    """Pushes, overwrites and removals one after another, on what the ones before have left."""
    await world.push("a", FIRST, "latest")
    await world.push("a/b", SECOND, "latest")
    await world.push("a", SECOND, "latest")
    await world.mount("c", FIRST.blobs[1], "a")
    await world.delete_tag("a", "latest")
    await world.collect(delete_untagged=True)
    await world.push("a", LIST, "latest", "list")
    await world.push("a", THIRD, "list")


async def three_days(world: World) -> None:
    for name in ("x", "x/y", "x-y"):
        await world.push(name, STRONG, "strong", chunks=2, algorithms=BOTH)
        await world.push(name, FIRST, "latest", *(f"v{number}" for number in range(5)))
        await world.push(name, LIST, "latest")
        await world.push(name, SIGNATURE)
        await world.delete_tag(name, "v2")
        await world.collect(delete_untagged=True)
        await world.delete_manifest(name, FIRST.digest)
        await world.push(name, THIRD, "v2")
    await world.collect()


SCENARIOS: Final = (
    # The longest first, so that two processors end together.
    Scenario("a-day", nothing, a_day),
    Scenario("push-new", one_image, push_new),
    Scenario("first-push", nothing, first_push),
    Scenario("overwrite-tag", one_image, overwrite_tag),
    Scenario("push-again", one_image, push_again),
    Scenario("delete-tag", two_images, delete_tag),
    Scenario("delete-manifest", two_images, delete_manifest),
    Scenario("mount", one_image, mount),
    Scenario("chunked-upload", one_image, chunked),
    Scenario("sha512", one_image, strong),
    Scenario("index-and-referrer", one_image, indexes),
    Scenario("collect", untagged, collect),
    Scenario("collect-untagged", untagged, collect_untagged),
    Scenario("many-tags", one_image, many_tags),
    Scenario("referrers", one_image, referrers),
    Scenario("two-workers", nothing, two_workers),
    Scenario("neighbours", nothing, neighbours),
    Scenario("retag", two_images, retag),
    Scenario("shared-blob", nothing, shared),
)

LONGER: Final = (
    Scenario("three-days", nothing, three_days),
    Scenario("a-day-later", three_days, a_day),
)
