"""The command line: `moorage`, also installed as `registry` with the spellings of the reference implementation.

A command imports its own parts when it runs, so that `moorage version` does not load a server.
"""

from __future__ import annotations

import asyncio
import datetime
import getpass
import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from moorage import __version__
from moorage.drivers.base import DriverError

if TYPE_CHECKING:
    from moorage.config import Configuration, Problem
    from moorage.drivers.base import Driver
    from moorage.store.garbage import Collection

main_app = typer.Typer(
    name="moorage",
    help="A container registry.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config_app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)
main_app.add_typer(config_app, name="config")

ConfigArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CONFIG]", help="The config.yml; else REGISTRY_CONFIGURATION_PATH, else the usual places."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

SETTLING_SECONDS = 1.0
"""After which all replicas that start together on an empty bucket see the same key."""

COMMANDS = ("serve", "config", "garbage-collect", "purge-uploads", "htpasswd", "version")


def main() -> None:
    """The entry point. `registry config.yml` and `registry -version` of old unit files still work."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in ("-version", "--version", "-v"):
        arguments[0] = "version"
    elif arguments and arguments[0] not in COMMANDS and Path(arguments[0]).suffix in (".yml", ".yaml"):
        arguments.insert(0, "serve")
    try:
        _run(arguments)
    except SystemExit as ended:
        _end(ended.code if isinstance(ended.code, int) else int(ended.code is not None))


def _run(arguments: list[str]) -> None:
    try:
        main_app(args=arguments)
    except DriverError as error:
        _fail(str(error))


def _end(code: int) -> NoReturn:
    """The threads of obstore may hold objects of the interpreter still: to finalise it under them aborts the process, after all
    went well."""
    if "obstore" not in sys.modules:
        raise SystemExit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _fail(message: str) -> NoReturn:
    print(f"moorage: {message}", file=sys.stderr)
    raise SystemExit(1)


def _load(path: Path | None) -> Configuration:
    """The configuration, its warnings on stderr; every mistake on stderr and exit 1 when it cannot be used."""
    from moorage.config import ConfigurationError, load, unbuilt

    try:
        loaded = load(path, os.environ)
    except ConfigurationError as error:
        _refuse(error.problems)
    for warning in loaded.warnings:
        print(f"moorage: warning: {warning}", file=sys.stderr)
    if missing := unbuilt(loaded.configuration):
        _refuse(missing)
    return loaded.configuration


def _refuse(problems: list[Problem]) -> NoReturn:
    for problem in problems:
        print(f"moorage: {problem}", file=sys.stderr)
    raise SystemExit(1)


WELCOME = """
  Moorage listens on {address}. Try it with an image you have:

    docker tag hello-world {address}/hello-world
    docker push {address}/hello-world
    docker pull {address}/hello-world
"""


@main_app.command()
def serve(
    config: ConfigArgument = None,
    welcome: Annotated[bool, typer.Option(help="Print what to try first.")] = False,
) -> None:
    """Serve the registry until SIGTERM."""
    from moorage.app import configure_logging
    from moorage.server import ServerError
    from moorage.server import serve as run_server

    configuration = _load(config)
    configure_logging(configuration)
    _prepare_storage(configuration)
    address = configuration.http.addr

    def ready() -> None:
        print(f"moorage {__version__} listens on {address}", file=sys.stderr)
        if welcome:
            print(WELCOME.format(address=address), flush=True)

    try:
        run_server(configuration, ready)
    except ServerError as error:
        _fail(str(error))


def _prepare_storage(configuration: Configuration) -> None:
    """Find out before the first client does that the storage cannot be written to."""
    from moorage.api.resume import signing_key
    from moorage.drivers.filesystem import FilesystemDriver
    from moorage.storage import OBJECT_STORES, build_driver

    read_only = configuration.storage.maintenance.readonly.enabled
    keyless = not configuration.http.secret and not read_only
    if configuration.storage.driver.name in OBJECT_STORES:
        _ask_store(configuration, keyless)
        return
    driver = build_driver(configuration)
    if not isinstance(driver, FilesystemDriver):
        return
    try:
        driver.prepare(read_only=read_only)
        if keyless:
            # Before there are workers, so that all of them find the same key.
            asyncio.run(signing_key("", driver))
    except DriverError as error:
        _fail(f"storage.filesystem.rootdirectory: {error}")
    finally:
        # No idle threads of ours when the workers are forked.
        asyncio.run(driver.close())


def _ask_store(configuration: Configuration, keyless: bool) -> None:
    """In a process of its own: the client of the store has threads, which workers that are forked later would lack."""
    import multiprocessing

    asking = multiprocessing.get_context("fork").Process(target=_answer, args=(configuration, keyless))
    asking.start()
    asking.join()
    if asking.exitcode:
        raise SystemExit(1)


def _answer(configuration: Configuration, keyless: bool) -> None:
    from moorage.api.resume import signing_key
    from moorage.storage import build_driver
    from moorage.store import layout

    async def ask(driver: Driver) -> None:
        await driver.is_folder(layout.ROOT)
        if keyless:
            await signing_key("", driver, settling=SETTLING_SECONDS)

    try:
        driver = build_driver(configuration)
    except DriverError as error:
        _fail(str(error))
    try:
        asyncio.run(ask(driver))
    except DriverError as error:
        _fail(f"storage.{configuration.storage.driver.name}: {error}")


@config_app.command("check")
def config_check(config: ConfigArgument = None) -> None:
    """Print every mistake, or the effective configuration with secrets hidden."""
    from moorage.config import effective

    print(effective(_load(config)), end="")


@main_app.command("garbage-collect")
def garbage_collect(
    config: ConfigArgument = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-d", help="Only tell what would be removed.")
    ] = False,
    delete_untagged: Annotated[
        bool,
        typer.Option(
            "--delete-untagged", "-m", help="Remove manifests that no tag leads to, even through an index."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the summary only.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove blobs that no manifest refers to. Stop pushes while it runs: make the registry read-only, or stop it."""
    from rich.console import Console

    from moorage.app import build_registry, configure_logging
    from moorage.storage import build_driver
    from moorage.store.garbage import CollectionAborted, collect

    configuration = _load(config)
    configure_logging(configuration)
    driver = build_driver(configuration)

    async def run() -> Collection:
        registry = build_registry(configuration, driver)
        return await collect(registry, dry_run=dry_run, delete_untagged=delete_untagged, report=report)

    console = Console(stderr=True)
    lines = not quiet and not as_json

    def report(line: str) -> None:
        if lines:
            print(line)

    try:
        with console.status("collecting garbage", spinner="line") if console.is_terminal else nullcontext():
            found = asyncio.run(run())
    except CollectionAborted as error:
        _fail(f"nothing was removed: {error}")
    print(json.dumps(found.as_dict()) if as_json else found.summary(dry_run))


@main_app.command("purge-uploads")
def purge(
    config: ConfigArgument = None,
    age: Annotated[float | None, typer.Option(help="Hours since the last byte; else as configured.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-d", help="Only tell what would be removed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove uploads that were never finished."""
    from moorage.app import build_registry, configure_logging
    from moorage.storage import build_driver
    from moorage.store.purge import purge_uploads

    configuration = _load(config)
    configure_logging(configuration)
    driver: Driver = build_driver(configuration)
    old = configuration.storage.maintenance.uploadpurging.age
    if age is not None:
        old = datetime.timedelta(hours=age)

    async def run() -> list[dict[str, object]]:
        registry = build_registry(configuration, driver)
        before = datetime.datetime.now(datetime.UTC) - old
        return [
            {
                "repository": found.repository,
                "upload": found.upload,
                "last_write": found.started.isoformat(),
                "size": found.size,
            }
            async for found in purge_uploads(registry, before=before, dry_run=dry_run)
        ]

    purged = asyncio.run(run())
    if as_json:
        print(json.dumps({"dry_run": dry_run, "uploads": purged}))
        return
    for upload in purged:
        print(f"{upload['repository']}: {upload['upload']}, {upload['size']} bytes, {upload['last_write']}")
    print(f"{len(purged)} uploads {'would be ' if dry_run else ''}purged")


@main_app.command()
def htpasswd(
    user: Annotated[str, typer.Argument(help="The user's name.")],
    password: Annotated[
        str | None, typer.Argument(help="Else asked for, or read from standard input.")
    ] = None,
    cost: Annotated[int, typer.Option(min=5, max=17, help="Work per check, as a power of two.")] = 10,
) -> None:
    """Print a line for a password file (bcrypt)."""
    import bcrypt

    if ":" in user or not user:
        _fail("a user name must not be empty or contain a colon")
    if password is None:
        password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    secret = password.encode()
    if not 0 < len(secret) <= 72 or b"\0" in secret:
        _fail("a password must have 1 to 72 bytes, none of them NUL: bcrypt looks at no more")
    print(
        f"{user}:{bcrypt.hashpw(secret, bcrypt.gensalt(cost, prefix=b'2b')).decode().replace('$2b$', '$2y$', 1)}"
    )


@main_app.command()
def version() -> None:
    """Print the version."""
    print(f"moorage {__version__}")
