"""Facts about the endpoints of notifications, in the format of the reference implementation's `/debug/vars`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from moorage.notifications import Notifications


async def endpoints(notifications: Notifications | None) -> dict[str, Any]:
    """The endpoints for JSON, or the error that kept them from being read."""
    if notifications is None:
        return {"endpoints": []}
    from moorage.events.queue import QueueError

    try:
        found = await asyncio.to_thread(notifications.facts)
    except QueueError as error:
        return {"endpoints": [], "error": str(error)}
    return {"endpoints": [_endpoint(one) for one in found]}


def _endpoint(told: Mapping[str, Any]) -> dict[str, Any]:
    """One endpoint for JSON. Times are whole nanoseconds. `Pending` is the number of events in the queue of the server, and the
    other numbers count over all its workers. The reference implementation has no `Dropped` and no `Oldest`."""
    return {
        "name": told["name"],
        "url": told["url"],
        "Headers": told["headers"],
        "Timeout": round(told["timeout"] * 1e9),
        "Threshold": told["threshold"],
        "Backoff": round(told["backoff"] * 1e9),
        "IgnoredMediaTypes": told["ignore"]["mediatypes"],
        "Ignore": {"MediaTypes": told["ignore"]["mediatypes"], "Actions": told["ignore"]["actions"]},
        "Metrics": {
            "Pending": told["waiting"],
            "Events": told["events"],
            "Successes": told["successes"],
            "Failures": told["failures"],
            "Errors": told["errors"],
            "Statuses": told["statuses"],
            "Dropped": told["dropped"],
            "Oldest": round(told["oldest"] * 1e9),
        },
    }
