"""Builds the notifications that the configuration asks for."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
import os
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from moorage.config import Configuration
from moorage.config.sections import notifications as sections
from moorage.config.sections.drivers import Filesystem
from moorage.config.values import header_pairs, revealed
from moorage.events.base import EventSink, Source
from moorage.leadership import Leadership
from moorage.shared import Shared

if TYPE_CHECKING:
    from moorage.events.delivering import Deliverer
    from moorage.events.endpoint import Endpoint
    from moorage.events.publisher import Publisher, Subscriber
    from moorage.events.queue import Queue
    from moorage.events.rows import Waiting
    from moorage.events.unwritten import Unwritten
    from moorage.tasks import Work

log = logging.getLogger(__name__)

FILE: Final = "events.db"
STATE_FOLDER: Final = "/var/lib/moorage"
DEFAULT_SECONDS: Final = 1.0
DEFAULT_THRESHOLD: Final = 10
HIDDEN: Final = "***"


class NotificationsError(Exception):
    """Notifications cannot work as configured. The message names the configuration key."""


class Notifications:
    """The notifications of a worker: `sink` takes events, and `work` delivers them as long as the worker lives."""

    def __init__(
        self,
        queue: Queue,
        publisher: Publisher,
        deliverer: Deliverer,
        endpoints: Sequence[Endpoint],
        subscribers: Sequence[Subscriber],
    ) -> None:
        self.sink: EventSink = publisher
        self.work: Sequence[Work] = [deliverer.run]
        self._described = [
            _described(endpoint, subscriber)
            for endpoint, subscriber in zip(endpoints, subscribers, strict=True)
        ]
        self._queue = queue
        self._publisher = publisher
        publisher.arrived = deliverer.arrived

    async def close(self) -> None:
        """Store the events that were passed to `tell`, then close."""
        await self._publisher.close()
        await asyncio.to_thread(self._queue.close)

    def facts(self) -> list[dict[str, Any]]:
        """The configuration and the counts (`moorage.events.queue.Counts`) of each endpoint, without secrets.

        `waiting`: how many events wait. `oldest`: the age of the oldest of them; 0 if none waits. Times are seconds. Reads the queue,
        which takes a millisecond: call this in a thread. Raises `moorage.events.queue.QueueError`.
        """
        from moorage.events.queue import Counts, Waiting

        waiting, counts, now = self._queue.waiting(), self._queue.counts(), time.time()
        found = []
        for described in self._described:
            name = described["name"]
            waits = waiting.get(name, Waiting(0, 0.0))
            oldest = max(0.0, now - waits.oldest) if waits.count else 0.0
            sums = dataclasses.asdict(counts.get(name, Counts()))
            found.append({**described, "waiting": waits.count, "oldest": oldest, **sums})
        return found


def build(configuration: Configuration, shared: Shared) -> Notifications | None:
    """The notifications of this worker; None if no endpoint is enabled. Raises NotificationsError."""
    if not enabled(configuration):
        return None
    from moorage.events.delivering import Deliverer
    from moorage.events.outages import Outages
    from moorage.events.publisher import Publisher
    from moorage.events.unwritten import Unwritten

    section = configuration.notifications
    found, subscribers = endpoints(configuration), _subscribers(configuration)
    unwritten = Unwritten([one.name for one in subscribers], shared.unwritten)
    queue = open_queue(configuration, unwritten=unwritten)
    source = Source(address(shared.port), shared.instance)
    outages = Outages([one.name for one in subscribers], shared.outages, queue.alone)
    publisher = Publisher(queue, subscribers, source, outages, references=section.events.includereferences)
    deliverer = Deliverer(queue, found, Leadership(f"{queue.path}.lock"), shared.bell)
    return Notifications(queue, publisher, deliverer, found, subscribers)


def prepare(configuration: Configuration) -> None:
    """Check that the queue and the endpoints can be used, and log the endpoints. Called before there are workers. Raises
    NotificationsError."""
    for one in configuration.notifications.endpoints:
        if one.disabled:
            log.info("endpoint of notifications disabled, skipping", extra={"endpoint": one.name})
    if not enabled(configuration):
        _warn_of_what_is_left(configuration)
        return
    from moorage.events.queue import QueueError
    from moorage.events.sending import Sender

    queue = open_queue(configuration, check=True)
    try:
        for endpoint, subscriber in zip(endpoints(configuration), _subscribers(configuration), strict=True):
            try:
                Sender(endpoint)
            except ValueError as error:
                raise NotificationsError(f"notifications.endpoints: {endpoint.name}: {error}") from None
            said = _described(endpoint, subscriber) | {
                "headers": sorted({name for name, _ in endpoint.headers})
            }
            del said["ignore"]
            log.info("endpoint of notifications", extra={"endpoint": said.pop("name"), **said})
        try:
            _warn_of_strangers(queue.waiting(), configuration)
        except QueueError as error:
            log.warning(
                "queue of events cannot be used yet, the registry serves without",
                extra={"path": str(error.path), "reason": error.reason},
            )
    finally:
        queue.close()


def enabled(configuration: Configuration) -> list[sections.Endpoint]:
    return [endpoint for endpoint in configuration.notifications.endpoints if not endpoint.disabled]


def endpoints(configuration: Configuration) -> list[Endpoint]:
    """The enabled endpoints, as `events.delivery` needs them."""
    from moorage.events.endpoint import Endpoint

    forbidden = configuration.notifications.forbidden
    return [
        Endpoint(
            name=endpoint.name,
            url=str(endpoint.url),
            headers=header_pairs(endpoint.headers),
            timeout=_seconds(endpoint.timeout),
            threshold=endpoint.threshold or DEFAULT_THRESHOLD,
            backoff=_seconds(endpoint.backoff),
            maxbackoff=endpoint.maxbackoff.total_seconds(),
            secrets=[revealed(secret) for secret in endpoint.secrets],
            format=endpoint.format,
            batch=endpoint.batch,
            forbidden=forbidden,
        )
        for endpoint in enabled(configuration)
    ]


def queue_path(configuration: Configuration) -> Path:
    section = configuration.notifications.queue
    if section.path:
        return Path(section.path)
    parameters = configuration.storage.driver.parameters
    if isinstance(parameters, Filesystem):
        return Path(parameters.rootdirectory, ".moorage", FILE)
    state = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(state or STATE_FOLDER, FILE)


def open_queue(
    configuration: Configuration,
    *,
    check: bool = False,
    mend: bool = True,
    unwritten: Unwritten | None = None,
) -> Queue:
    """The configured queue. `check`, `mend` and `unwritten`: see `Queue`. Raises NotificationsError."""
    from moorage.events.filesystems import network_file_system
    from moorage.events.queue import NotOwned, Queue, QueueDamaged, QueueError

    path = queue_path(configuration).absolute()
    if configuration.notifications.queue.path and not path.parent.is_dir():
        raise NotificationsError(
            f"notifications.queue.path: {path}: there is no such folder; is its disk mounted, and the path right?"
        )
    if kind := network_file_system(path):
        raise NotificationsError(
            f"notifications.queue.path: {path} is on {kind}; set the key to a file on a disk of this machine"
        )
    size, shares = configuration.notifications.queue.size, len(enabled(configuration))
    try:
        return Queue(path, limit=size, shares=shares, check=check, mend=mend, unwritten=unwritten)
    except QueueDamaged as error:
        told = f"{error}; a server moves the file aside when it starts"
        raise NotificationsError(f"notifications.queue.path: {told}") from None
    except NotOwned as error:
        # Events may wait in it: no other file is proposed.
        raise NotificationsError(
            f"notifications.queue.path: events cannot be kept in {error}; it belongs to {error.owner}: "
            f"chown it to the registry's user, as all of {path.name}* beside it"
        ) from None
    except QueueError as error:
        raise NotificationsError(
            f"notifications.queue.path: events cannot be kept in {error}; set the key to a file that can be written"
        ) from None


def _subscribers(configuration: Configuration) -> list[Subscriber]:
    from moorage.events.publisher import Subscriber

    return [
        Subscriber(endpoint.name, frozenset(endpoint.ignore.mediatypes), frozenset(endpoint.ignore.actions))
        for endpoint in enabled(configuration)
    ]


def _warn_of_what_is_left(configuration: Configuration) -> None:
    """Of events that wait although there is no endpoint (any longer). The queue is not needed, so it is left as it is."""
    path = queue_path(configuration).absolute()
    # One that this user may not open is another server's.
    if not os.access(path, os.R_OK | os.W_OK):
        return
    import sqlite3

    from moorage.events.database import waiting_in

    try:
        _warn_of_strangers(waiting_in(path), configuration)
    except sqlite3.Error as error:
        log.warning(
            "it is not known whether events wait, though no endpoint is enabled",
            extra={"path": str(path), "reason": str(error)},
        )


def _warn_of_strangers(found: Mapping[str, Waiting], configuration: Configuration) -> None:
    disabled = {one.name: one.disabled for one in configuration.notifications.endpoints}
    for name, waiting in found.items():
        if waiting.count and disabled.get(name, True):
            what = "disabled" if name in disabled else "not configured (any longer)"
            log.warning(
                f"events wait for an endpoint that is {what}; `moorage events drop` removes them",
                extra={"endpoint": name, "events": waiting.count},
            )


@functools.cache
def address(port: int) -> str:
    return f"{socket.gethostname()}:{port}" if port else socket.gethostname()


def _seconds(value: timedelta) -> float:
    """The seconds of a duration. 0 means the default, as in the reference implementation."""
    return value.total_seconds() or DEFAULT_SECONDS


def _described(endpoint: Endpoint, subscriber: Subscriber) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "url": endpoint.shown,
        "headers": {name: [HIDDEN] for name, _ in endpoint.headers},
        "timeout": endpoint.timeout,
        "threshold": endpoint.threshold,
        "backoff": endpoint.backoff,
        "ignore": {
            "mediatypes": sorted(subscriber.ignored_types),
            "actions": sorted(subscriber.ignored_actions),
        },
    }
