"""`moorage events`: shows, sends, drops and tests events for the endpoints of notifications."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moorage.cli.arguments import ConfigArgument, JsonOption
from moorage.cli.moments import past, shown
from moorage.cli.starting import NOT_DONE, counted, fail, load

if TYPE_CHECKING:
    from moorage.config import Configuration
    from moorage.events.endpoint import Endpoint
    from moorage.events.queue import Counts, Kept, Queue, Waiting
    from moorage.events.replaying import Replayed
    from moorage.store.findings import Watch

NO_ENDPOINTS = "there are no endpoints (notifications.endpoints)"

MOST = 1_000_000_000
"""More than any queue holds, and within SQLite's integers."""

EndpointOption = Annotated[str | None, typer.Option("--endpoint", help="The name of one; else all of them.")]

events_app = typer.Typer(
    help="Look at the events that wait for endpoints, send them, or remove them.", no_args_is_help=True
)


@events_app.command("list")
def list_events(
    config: ConfigArgument = None,
    endpoint: EndpointOption = None,
    limit: Annotated[
        int, typer.Option(min=0, max=MOST, help="Most events of each endpoint, the oldest first.")
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """What waits. Also while a server runs."""
    configuration = load(config, code=NOT_DONE)
    with _opened(configuration) as queue:
        found = _found(queue, _names(configuration), endpoint, limit) if queue else []
    if endpoint is not None and not found:
        fail(f"there is no endpoint {endpoint}, and nothing waits for one", code=NOT_DONE)
    if as_json:
        print(json.dumps({"endpoints": found}))
        return
    for one_endpoint in found:
        _print(one_endpoint)
    if not found:
        print(NO_ENDPOINTS)


@events_app.command()
def replay(
    config: ConfigArgument = None,
    endpoint: EndpointOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send what waits, once and now, whatever failed before. If a server runs, it is the server that sends. Exits with 1 if
    something still waits."""
    from moorage.notifications import endpoints

    configuration = load(config, code=NOT_DONE)
    chosen = [one for one in endpoints(configuration) if endpoint in (None, one.name)]
    if endpoint is not None and not chosen:
        fail(f"there is no endpoint {endpoint} in notifications.endpoints, or it is disabled", code=NOT_DONE)
    with _opened(configuration) as queue:
        by_server, results = _replay(queue, chosen, quiet=quiet or as_json) if queue else (False, [])
    if as_json:
        print(json.dumps({"by_server": by_server, "endpoints": [_as_dict(result) for result in results]}))
    elif not chosen:
        print(NO_ENDPOINTS)
    else:
        for result in results:
            print(_sentence(result))
    raise SystemExit(1 if any(result.waiting for result in results) else 0)


@events_app.command()
def drop(
    config: ConfigArgument = None,
    endpoint: EndpointOption = None,
    before: Annotated[
        str | None,
        typer.Option(
            help="Those that were kept before a moment such as 2026-01-31T12:00:00, which is UTC unless it has a zone, "
            "or longer ago than 36h."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever waits for whomever.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove events that wait; they are counted as dropped. Also while a server runs."""
    if not everything and endpoint is None and before is None:
        fail("say which: --all, or --endpoint, --before or both", code=NOT_DONE)
    if everything and (endpoint is not None or before is not None):
        fail("--all goes with neither --endpoint nor --before", code=NOT_DONE)
    moment = None if before is None else _past(before)
    configuration = load(config, code=NOT_DONE)
    with _opened(configuration) as queue:
        if queue is None:
            fail(NO_ENDPOINTS, code=NOT_DONE)
        waiting = queue.waiting()
        if endpoint is not None and endpoint not in {*waiting, *_names(configuration)}:
            fail(f"there is no endpoint {endpoint}, and nothing waits for one", code=NOT_DONE)
        count = sum(one.count for name, one in waiting.items() if endpoint in (None, name))
        which = "" if moment is None else f", as far as they were kept before {shown(moment)}"
        if count and not yes:
            if sys.stdin is None:
                fail("standard input is closed, so nobody can be asked: say --yes", code=NOT_DONE)
            typer.confirm(f"Remove up to {counted(count, 'event')} undelivered{which}?", abort=True, err=True)
        dropped = queue.drop(endpoint, moment) if count else 0
    print(json.dumps({"dropped": dropped}) if as_json else f"{counted(dropped, 'event')} dropped")


@events_app.command("test")
def try_out(
    endpoint: Annotated[
        str, typer.Argument(metavar="URL|NAME", help="A URL, or the name of a configured endpoint.")
    ],
    config: ConfigArgument = None,
    as_json: JsonOption = False,
) -> None:
    """Send one sample event of each action, and print what is answered. Exits with 1 if one was not taken."""
    from moorage.events.endpoint import Endpoint
    from moorage.notifications import endpoints

    configuration = load(config, code=NOT_DONE)
    if endpoint.startswith(("http://", "https://")):
        found = Endpoint(name="test", url=endpoint, forbidden=configuration.notifications.forbidden)
    else:
        named = [one for one in endpoints(configuration) if one.name == endpoint]
        if not named:
            fail(
                f"{endpoint} is no URL, and no endpoint in notifications.endpoints that is enabled",
                code=NOT_DONE,
            )
        found = named[0]
    try:
        results = asyncio.run(_tested(found))
    except ValueError as error:
        fail(str(error), code=NOT_DONE)
    if as_json:
        print(json.dumps({"url": found.shown, "events": results}))
    else:
        for result in results:
            mark = "taken" if result["delivered"] else "not taken"
            answer = result["status"] or result["reason"]
            print(f"{result['action']}: {mark}, {answer}, {result['milliseconds']:.1f} ms")
    raise SystemExit(0 if all(result["delivered"] for result in results) else 1)


async def _tested(endpoint: Endpoint) -> list[dict[str, Any]]:
    """Send the samples. Raises ValueError for an invalid URL or secret."""
    from moorage.events.base import Source
    from moorage.events.samples import samples
    from moorage.events.sending import Sender
    from moorage.notifications import address
    from moorage.wire import encode

    sender = Sender(endpoint)
    results = []
    try:
        for event in samples(Source(address(0), "00000000-0000-0000-0000-000000000000")):
            begun = time.perf_counter()
            sent = await sender.send([encode(event)])
            milliseconds = round((time.perf_counter() - begun) * 1000, 3)
            results.append(
                {
                    "action": event.action,
                    "delivered": sent.delivered,
                    "status": sent.status,
                    "reason": sent.reason,
                    "milliseconds": milliseconds,
                }
            )
    finally:
        await sender.close()
    return results


def _replay(queue: Queue, chosen: list[Endpoint], *, quiet: bool) -> tuple[bool, list[Replayed]]:
    """Deliver what waits. Returns whether a server did it, and the outcome for each endpoint."""
    from moorage.cli.progress import watching
    from moorage.events import locking
    from moorage.leadership import Leadership

    lock = f"{queue.path}.lock"
    try:
        os.close(locking.opened(str(queue.path), ".lock"))
        # Held until this process ends.
        leading = Leadership(lock)
        here = leading.take()
    except OSError as error:
        fail(f"notifications.queue.path: {lock}: {error.strerror}", code=NOT_DONE)
    with watching(lambda _: None, quiet=quiet) as watch:
        return not here, [_replayed(queue, one, watch, here=here) for one in chosen]


def _replayed(queue: Queue, endpoint: Endpoint, watch: Watch, *, here: bool) -> Replayed:
    from moorage.events.replaying import ask, deliver

    waiting = queue.waiting().get(endpoint.name)
    watch.begin(f"sending to {endpoint.name}", waiting.count if waiting else 0, 0)
    return asyncio.run((deliver if here else ask)(queue, endpoint, lambda count: watch.advance(count, 0)))


def _as_dict(result: Replayed) -> dict[str, Any]:
    return {
        "name": result.endpoint,
        "delivered": result.delivered,
        "waiting": result.waiting,
        "reason": result.reason,
    }


def _sentence(result: Replayed) -> str:
    rest = f", {result.waiting} wait still: {result.reason}" if result.waiting else ""
    return f"{result.endpoint}: {result.delivered} delivered{rest}"


def _found(queue: Queue, names: list[str], endpoint: str | None, limit: int) -> list[dict[str, Any]]:
    waiting, counts = queue.waiting(), queue.counts()
    return [
        _listed(name, waiting.get(name), counts.get(name), queue.first(name, limit) if limit else [])
        for name in sorted({*waiting, *names})
        if endpoint in (None, name)
    ]


def _listed(name: str, waiting: Waiting | None, counts: Counts | None, kept: list[Kept]) -> dict[str, Any]:
    count = waiting.count if waiting else 0
    return {
        "name": name,
        "waiting": count,
        "oldest": shown(waiting.oldest) if waiting and count else None,
        "delivered": counts.successes if counts else 0,
        "dropped": counts.dropped if counts else 0,
        "events": [
            {"number": one.number, "kept": shown(one.moment), "event": json.loads(one.event)} for one in kept
        ],
    }


def _print(listed: dict[str, Any]) -> None:
    oldest = f", the oldest since {listed['oldest']}" if listed["waiting"] else ""
    before = f"; {listed['delivered']} delivered, {listed['dropped']} dropped before"
    print(f"{listed['name']}: {listed['waiting']} wait{oldest}{before}")
    for one in listed["events"]:
        event = one["event"]
        target = event["target"]
        tag, digest = target.get("tag", ""), target["digest"]
        what = f"{target['repository']}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"
        print(f"  {one['kept']} {event['action']} {what} {event['id']}")
    if missing := listed["waiting"] - len(listed["events"]):
        print(f"  and {missing} more")


def _names(configuration: Configuration) -> list[str]:
    from moorage.notifications import enabled

    return [endpoint.name for endpoint in enabled(configuration)]


@contextlib.contextmanager
def _opened(configuration: Configuration) -> Iterator[Queue | None]:
    """The queue. None if there is none, and no endpoint for which a server would have made one. It is not created, as the path may
    be mistyped."""
    from moorage.events.queue import QueueError
    from moorage.notifications import NotificationsError, open_queue, queue_path

    path = queue_path(configuration)
    try:
        there = path.exists()
    except OSError as error:
        fail(f"notifications.queue.path: {path}: {error.strerror}", code=NOT_DONE)
    if not there and _names(configuration):
        fail(
            f"there is no queue at {path}: set notifications.queue.path, or STATE_DIRECTORY as the server has it",
            code=NOT_DONE,
        )
    if not there:
        yield None
        return
    try:
        # Without mending, as a running server would continue to use the file that was moved aside.
        queue = open_queue(configuration, mend=False)
        try:
            yield queue
        finally:
            queue.close()
    except (NotificationsError, QueueError) as error:
        fail(str(error), code=NOT_DONE)


def _past(text: str) -> float:
    try:
        return past(text)
    except ValueError as error:
        fail(f"--before: {error}", code=NOT_DONE)
