"""`moorage garbage-collect` and `moorage purge-uploads`."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from moorage.cli.arguments import (
    MOST_HOURS,
    ConfigArgument,
    DryRunOption,
    GraceOption,
    JsonOption,
    NoticeOption,
)
from moorage.cli.roots import refuse_memory, require_root
from moorage.cli.starting import counted, fail, load
from moorage.store.announcing import NOTICE_SECONDS

if TYPE_CHECKING:
    from moorage.drivers.base import Driver
    from moorage.store.garbage.collection import Collection
    from moorage.store.purge import Abandoned, Purged

log = logging.getLogger(__name__)

GRACE_MINUTES: Final = 60.0
"""Longer than a push takes. Servers on an object store cannot be seen from here, and the blobs of an image come before its manifest."""


def garbage_collect(
    config: ConfigArgument = None,
    dry_run: DryRunOption = False,
    delete_untagged: Annotated[
        bool,
        typer.Option(
            "--delete-untagged", "-m", help="Remove manifests that no tag leads to, even through an index."
        ),
    ] = False,
    notice: NoticeOption = NOTICE_SECONDS,
    grace: GraceOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the summary only.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove blobs that no manifest refers to. Stop pushes while it runs: make the registry read-only, or stop it."""
    from moorage import logs
    from moorage.app import build_registry
    from moorage.cli.progress import spinning
    from moorage.cli.unsettled import tell
    from moorage.storage import build_driver
    from moorage.store.garbage.collection import CollectionAborted, collect

    configuration = load(config)
    refuse_memory(configuration, "removed")
    require_root(configuration)
    logs.configure_command(configuration)
    driver = build_driver(configuration)

    if grace is None:
        grace = GRACE_MINUTES if driver.distant and notice else 0.0
    age = datetime.timedelta(minutes=grace)
    report = _silent if quiet or as_json else print

    async def run() -> Collection:
        began = time.monotonic()
        try:
            tell(driver) if dry_run else _tell_of_pushes(driver)
            found = await collect(
                build_registry(configuration, driver),
                dry_run=dry_run,
                delete_untagged=delete_untagged,
                grace=age,
                notice_seconds=notice,
                report=report,
            )
            # Nothing is written where there is no registry, as the path may be mistyped.
            if not dry_run and (found.counts.repositories or found.counts.blobs):
                await _note(driver, found, time.monotonic() - began)
            return found
        finally:
            await driver.close()

    try:
        with spinning("collecting garbage"):
            found = asyncio.run(run())
    except CollectionAborted as error:
        fail(f"nothing was removed: {error}")
    print(json.dumps(found.as_dict()) if as_json else _summary(found, grace, dry_run=dry_run))
    if found.stayed:
        raise SystemExit(1)


def _silent(_: str) -> None:
    return None


def _tell_of_pushes(driver: Driver) -> None:
    """Log it if a registry that takes pushes serves the same folder: it is its leader who purges uploads."""
    from moorage.drivers.filesystem import LEADER, FilesystemDriver
    from moorage.leadership import Leadership

    if isinstance(driver, FilesystemDriver) and Leadership.taken(f"{driver.root}/{LEADER}"):
        log.warning(
            "a registry serves this folder and takes pushes: what is pushed meanwhile may lose blobs; "
            "stop it, or make it read-only (storage.maintenance.readonly), and run this then",
            extra={"path": driver.root},
        )


def _summary(found: Collection, grace: float, *, dry_run: bool) -> str:
    from moorage.cli.progress import decimal

    counts, garbage = found.counts, found.garbage
    would = "would be " if dry_run else ""
    warned = f"; {counted(found.warnings, 'warning')}" if found.warnings else ""
    stayed = f"; {counted(len(found.stayed), 'path')} could not be removed" if found.stayed else ""
    young = f"; {counted(counts.young, 'blob')} of the last {grace:g} minutes left" if counts.young else ""
    copies = f" and {counted(len(garbage.copies), 'unfinished copy')}" if garbage.copies else ""
    return (
        f"{counted(counts.repositories, 'repository')}, {counted(counts.manifests, 'manifest')}, "
        f"{counted(counts.blobs, 'blob')}; {counted(len(garbage.manifests), 'manifest')} and "
        f"{counted(len(garbage.blobs), 'blob')}{copies} {would}removed, {decimal(found.freed)} {would}freed{young}{stayed}{warned}"
    )


async def _note(driver: Driver, found: Collection, seconds: float) -> None:
    from moorage.store.garbage.history import note

    garbage = found.garbage
    await note(
        driver,
        seconds=seconds,
        manifests=len(garbage.manifests),
        blobs=len(garbage.blobs),
        freed_bytes=found.freed,
    )


def purge(
    config: ConfigArgument = None,
    age: Annotated[
        float | None,
        typer.Option(min=0, max=MOST_HOURS, help="Hours since the last byte; else as configured."),
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove uploads that were never finished, and what interrupted writers left in a bucket of S3 or Google."""
    from moorage import logs
    from moorage.app import build_registry
    from moorage.storage import build_driver
    from moorage.store.ages import Age
    from moorage.store.purge import purge_abandoned, purge_uploads

    configuration = load(config)
    refuse_memory(configuration, "purged")
    require_root(configuration)
    logs.configure_command(configuration)
    driver: Driver = build_driver(configuration)
    old = configuration.storage.maintenance.uploadpurging.age
    if age is not None:
        old = datetime.timedelta(hours=age)

    alone = Age(old.total_seconds())
    stayed: list[int] = []

    async def run() -> tuple[list[Purged], list[Abandoned]]:
        registry = build_registry(configuration, driver)
        try:
            uploads = [one async for one in purge_uploads(registry, age=alone, dry_run=dry_run)]
            leftovers = await purge_abandoned(driver, age=alone, dry_run=dry_run, stayed=stayed.append)
            return uploads, leftovers
        finally:
            await driver.close()

    uploads, leftovers = asyncio.run(run())
    if as_json:
        print(json.dumps(_as_dict(uploads, leftovers, dry_run)))
    else:
        _print_purged(uploads, leftovers, sum(stayed), dry_run=dry_run)
    if stayed:
        raise SystemExit(1)


def _print_purged(uploads: list[Purged], leftovers: list[Abandoned], stayed: int, *, dry_run: bool) -> None:
    for upload in uploads:
        print(
            f"{upload.repository}: {upload.upload}, {counted(upload.size, 'byte')}, {upload.last_write.isoformat()}"
        )
    for leftover in leftovers:
        print(f"multipart upload of {leftover.object}, {leftover.begun.isoformat()}")
    also = f" and {counted(len(leftovers), 'multipart upload')}" if leftovers else ""
    stays = f"; {counted(stayed, 'multipart upload')} could not be aborted" if stayed else ""
    print(f"{counted(len(uploads), 'upload')}{also} {'would be ' if dry_run else ''}purged{stays}")


def _as_dict(uploads: list[Purged], leftovers: list[Abandoned], dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "uploads": [
            {
                "repository": one.repository,
                "upload": one.upload,
                "last_write": one.last_write.isoformat(),
                "size": one.size,
            }
            for one in uploads
        ],
        "multipart_uploads": [{"object": one.object, "begun": one.begun.isoformat()} for one in leftovers],
    }
