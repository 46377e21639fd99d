"""`moorage storage`: copies a whole registry, or checks it for damage."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moorage.cli.arguments import MOST_HOURS, ConfigArgument, JsonOption, NoticeOption, configuration_file
from moorage.cli.roots import refuse_memory, require_root
from moorage.cli.starting import NOT_DONE, counted, fail, load
from moorage.drivers.base import DriverError
from moorage.printable import printable
from moorage.store.announcing import NOTICE_SECONDS

if TYPE_CHECKING:
    from moorage.config import Configuration
    from moorage.config.sections.base import Section
    from moorage.drivers.base import Driver
    from moorage.store.checking.report import CheckReport
    from moorage.store.copying.report import CopyReport
    from moorage.store.findings import Finding, Watch

storage_app = typer.Typer(help="Copy a whole registry, or look for damage in it.", no_args_is_help=True)

FromOption = Annotated[
    Path,
    typer.Option(
        "--from", metavar="PATH", parser=configuration_file, help="The configuration of the registry to copy."
    ),
]
ToOption = Annotated[
    Path,
    typer.Option(
        "--to",
        metavar="PATH",
        parser=configuration_file,
        help="The configuration that names the storage to fill.",
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


@storage_app.command()
def copy(
    source: FromOption, target: ToOption, quiet: QuietOption = False, as_json: JsonOption = False
) -> None:
    """Copy a whole registry to another storage, also while it serves. Run it again: it goes on where it was."""
    from moorage import logs
    from moorage.cli.progress import decimal, watching

    configurations = load(source, code=NOT_DONE), load(target, code=NOT_DONE)
    _refuse_same(*configurations)
    logs.configure_command(configurations[0])
    with watching(_teller(as_json), quiet=quiet or as_json) as watch:
        report = _copied(*configurations, watch)
    if as_json:
        print(json.dumps(report.as_dict()))
    else:
        left, extra = len(report.findings), report.extra_tags
        more = f"; {counted(left, 'thing')} could not be copied" if left else ""
        strange = (
            f"; {counted(extra, 'tag')} {'is' if extra == 1 else 'are'} at the target only" if extra else ""
        )
        there = f"{report.blobs_present} {'was' if report.blobs_present == 1 else 'were'} there"
        print(
            f"{counted(report.repositories, 'repository')}; {counted(report.blobs, 'blob')} with {decimal(report.size)} "
            f"copied, {there}; {counted(report.tags, 'tag')} written{strange}{more}"
        )
    raise SystemExit(1 if report.findings else 0)


def _copied(source: Configuration, target: Configuration, watch: Watch) -> CopyReport:
    from moorage.cli.unsettled import settle
    from moorage.storage import build_driver
    from moorage.store.copying.registry import CopyRefused, copy_registry

    async def run() -> CopyReport:
        reading, writing = build_driver(source), build_driver(target)
        try:
            _prepare(writing)
            settle(reading)
            return await copy_registry(reading, writing, watch)
        finally:
            await reading.close()
            await writing.close()

    try:
        return asyncio.run(run())
    except CopyRefused as error:
        fail(f"nothing was copied: {error}", code=NOT_DONE)
    except DriverError as error:
        fail(f"not finished, run it again: {error}", code=NOT_DONE)


@storage_app.command()
def check(
    config: ConfigArgument = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what can be without losing anything.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Read no blob: look at sizes only.")] = False,
    age: Annotated[
        float,
        typer.Option(min=0, max=MOST_HOURS, help="Hours that a thing must be old to be taken for damaged."),
    ] = 1.0,
    notice: NoticeOption = NOTICE_SECONDS,
    as_json: JsonOption = False,
) -> None:
    """Look for damage: blobs that are not what their digest says, links that lead nowhere. Also while it serves."""
    from moorage import logs
    from moorage.cli.progress import decimal, watching

    configuration = load(config, code=NOT_DONE)
    refuse_memory(configuration, "checked")
    require_root(configuration, code=NOT_DONE)
    logs.configure_command(configuration)
    with watching(_teller(as_json), quiet=as_json) as watch:
        report = _checked(configuration, watch, repair=repair, quick=quick, age=age, notice=notice)
    if as_json:
        print(json.dumps(report.as_dict()))
    else:
        young = f"; {report.young} younger than {age:g} h left out" if report.young else ""
        print(
            f"{counted(report.repositories, 'repository')}, {counted(report.manifests, 'manifest')}, "
            f"{counted(report.blobs, 'blob')} with {decimal(report.size)}; {counted(len(report.findings), 'finding')}, "
            f"{report.repaired} repaired{young}"
        )
    raise SystemExit(0 if report.clean else 1)


def _checked(
    configuration: Configuration, watch: Watch, *, repair: bool, quick: bool, age: float, notice: float
) -> CheckReport:
    from moorage.app import build_registry
    from moorage.cli.unsettled import settle, tell
    from moorage.storage import build_driver
    from moorage.store.checking.registry import RepairRefused, Rules, check_registry

    stray = configuration.storage.maintenance.uploadpurging.age
    rules = Rules(repair=repair, quick=quick, settled_seconds=age * 3600, stray=stray, notice_seconds=notice)

    async def run() -> CheckReport:
        driver = build_driver(configuration)
        try:
            settle(driver) if repair else tell(driver)
            return await check_registry(build_registry(configuration, driver), rules, watch)
        finally:
            await driver.close()

    try:
        return asyncio.run(run())
    except RepairRefused as error:
        fail(f"nothing was repaired: {error}", code=NOT_DONE)
    except DriverError as error:
        fail(f"not finished: {error}", code=NOT_DONE)


def _prepare(driver: Driver) -> None:
    from moorage.drivers.filesystem import FilesystemDriver

    if isinstance(driver, FilesystemDriver):
        driver.prepare()


def _teller(as_json: bool) -> Callable[[Finding], None]:
    return _ignore if as_json else _tell


def _ignore(_: Finding) -> None:
    """Print nothing: the JSON report has the findings."""


def _tell(finding: Finding) -> None:
    detail = f": {finding.detail}" if finding.detail else ""
    repaired = " (repaired)" if finding.repaired else ""
    print(printable(f"{finding.kind} {finding.path}{detail}{repaired}"), flush=True)


def _refuse_same(source: Configuration, target: Configuration) -> None:
    for configuration in (source, target):
        refuse_memory(configuration, "copied")
    if _place(source) == _place(target):
        fail("nothing was copied: source and target are the same storage", code=NOT_DONE)


def _place(configuration: Configuration) -> tuple[object, ...]:
    """Identifies a storage. If two names of one storage go unnoticed, copying does no harm: everything is there already."""
    name, parameters = configuration.storage.driver
    root = str(getattr(parameters, "rootdirectory", ""))
    if name == "filesystem":
        try:
            found = os.stat(root)
        except OSError:
            return name, os.path.realpath(root)
        return name, found.st_dev, found.st_ino
    return name, *filter(None, root.split("/")), *_service(parameters)


def _service(parameters: Section) -> tuple[str, ...]:
    """The service that the driver asks, and where there the folder of the registry is."""
    from moorage.config.sections.clouds import Azure
    from moorage.config.sections.s3 import S3
    from moorage.config.values import revealed
    from moorage.drivers.objectstore.accounts import connection, service
    from moorage.drivers.objectstore.addresses import domain

    if isinstance(parameters, S3):
        # A bucket's name is taken once in all regions of one of Amazon's clouds.
        region = parameters.region or ""
        cloud = f"{'gov.' if region.startswith('us-gov-') else ''}{domain(region)}"
        return parameters.bucket, str(parameters.regionendpoint or "").rstrip("/") or cloud
    if isinstance(parameters, Azure):
        try:
            given = connection(revealed(parameters.connectionstring))
        except ValueError:
            given = {}  # The driver will refuse it.
        account, endpoint = service(
            given,
            account=parameters.accountname,
            endpoint=str(parameters.serviceurl or ""),
            realm=parameters.realm,
        )
        return parameters.container, account, endpoint
    return (str(getattr(parameters, "bucket", "")),)
