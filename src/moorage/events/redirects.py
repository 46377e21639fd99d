"""Where a redirect leads: events are posted again to the new address, whatever a browser would do."""

from __future__ import annotations

from typing import Final

from yarl import URL

MOST: Final = 5
FOLLOWED: Final = frozenset({301, 302, 307, 308})
"""303 says that the answer to a request that was taken is to be had elsewhere: nobody wants it."""


class BadRedirect(Exception):
    """The text says why it is not followed."""


def redirected(url: URL, status: int, location: str) -> URL | None:
    """None if the answer is the last one. Raises BadRedirect."""
    if status not in FOLLOWED or not location:
        return None
    target = joined(url, location)
    if target is None:
        raise BadRedirect("it redirects to what is no address")
    if url.scheme == "https" and target.scheme == "http":
        raise BadRedirect("it redirects from https to http, where everybody on the way can read")
    return target


def joined(url: URL, location: str) -> URL | None:
    """Where a `Location` leads, without a password that it may tell; None for what is no address of HTTP."""
    try:
        target = url.join(URL(location))
    except ValueError:
        return None
    return without_user(target) if target.scheme in ("http", "https") and target.host else None


def without_user(url: URL) -> URL:
    return url.with_user(None) if url.user is not None or url.password is not None else url
