"""Where a redirect leads. Events are posted again to the new address, even where a browser would switch to GET."""

from __future__ import annotations

from typing import Final

from yarl import URL

from moorage.location import joined

MOST: Final = 5
FOLLOWED: Final = frozenset({301, 302, 307, 308})
"""Statuses that are followed. 303 is not: the request was accepted, and its result, available elsewhere, is not needed."""


class BadRedirect(Exception):
    """A redirect that is not followed. The message says why."""


def redirected(url: URL, status: int, location: str) -> URL | None:
    """The address to post to next; None if the response is final. Raises BadRedirect."""
    if status not in FOLLOWED or not location:
        return None
    target = joined(url, location)
    if target is None:
        raise BadRedirect("it redirects to what is no address")
    if url.scheme == "https" and target.scheme == "http":
        raise BadRedirect("it redirects from https to http, where everybody on the way can read")
    return target
