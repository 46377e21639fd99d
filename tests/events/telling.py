"""Whole servers that tell a listener what happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.events.listener import Listener
from tests.support.server import Server, moorage_server

Event = dict[str, Any]


def endpoint(name: str, url: str, *more: str) -> str:
    """YAML of an endpoint; `more` are further keys of it."""
    lines = [f"    - name: {name}", f"      url: {url}", *(f"      {line}" for line in more)]
    return "\n".join(lines) + "\n"


def telling(
    folder: Path, *endpoints: str, more: str = "", extra: str = "", root: Path | None = None
) -> Server:
    """A server with these endpoints, not yet started. `more`: YAML below `notifications:`, `extra` below `http:`."""
    server = moorage_server(folder, root=root, extra=extra)
    config = Path(server.command[-1])
    config.write_text(config.read_text() + f"notifications:\n{more}  endpoints:\n{''.join(endpoints)}")
    return server


def events_of(listener: Listener, repository: str) -> list[Event]:
    """In the order in which they came; repeated ones once."""
    found = {
        event["id"]: event
        for request in list(listener.received)
        for event in request.events
        if event["target"]["repository"] == repository
    }
    return list(found.values())


def wait_for_events(listener: Listener, repository: str, count: int) -> list[Event]:
    listener.wait(lambda: len(events_of(listener, repository)) >= count)
    return events_of(listener, repository)
