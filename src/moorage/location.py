"""The header `Location` (RFC 9110, section 10.2.2). Needs yarl, which comes with aiohttp."""

from __future__ import annotations

from yarl import URL


def joined(url: URL, location: str) -> URL | None:
    """Where a `Location` leads, without user and password; None if it is not an HTTP address."""
    try:
        target = url.join(URL(location))
    except ValueError:
        return None
    return without_user(target) if target.scheme in ("http", "https") and target.host else None


def without_user(url: URL) -> URL:
    return url.with_user(None) if url.user is not None or url.password is not None else url
