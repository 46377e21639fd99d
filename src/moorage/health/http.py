"""The probe of a URL. Needs aiohttp, so it is imported only where URLs are probed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import aiohttp
from yarl import URL

from moorage import location
from moorage.health.check import Failing, Probe

REDIRECTS: Final = 10
FOLLOWED: Final = frozenset({301, 302, 303, 307, 308})


def answers(uri: str, status: int, headers: Sequence[tuple[str, str]] = ()) -> Probe:
    """A probe that expects `status` as the answer to HEAD. It follows redirects, unless `status` is a redirect itself."""

    async def probe() -> None:
        found = await _head(uri, headers, follow=not 300 <= status < 400)
        if found != status:
            raise Failing(f"answers with status {found}, not {status}")

    return probe


async def _head(uri: str, headers: Sequence[tuple[str, str]], *, follow: bool) -> int:
    try:
        async with aiohttp.ClientSession(
            trust_env=True, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "moorage"}
        ) as session:
            first = URL(uri)
            if any(name.lower() == "authorization" for name, _ in headers):
                first = location.without_user(first)
            return await _last(session, first, headers, follow=follow)
    except TimeoutError:
        raise
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise Failing(_reason(error)) from None


async def _last(
    session: aiohttp.ClientSession, first: URL, headers: Sequence[tuple[str, str]], *, follow: bool
) -> int:
    """The status after all redirects. Once one has led to another server, no more secrets are sent, not even back to the first."""
    url, trusted = first, True
    for _ in range(1 + REDIRECTS):
        trusted = trusted and url.origin() == first.origin()
        asked = url.with_user(first.user).with_password(first.password) if trusted else url
        async with session.head(asked, headers=headers if trusted else None, allow_redirects=False) as answer:
            target = _target(url, answer) if follow else None
            if target is None:
                return answer.status
        url = target
    raise Failing(f"redirects more than {REDIRECTS} times")


def _target(url: URL, answer: aiohttp.ClientResponse) -> URL | None:
    """Where a redirect leads; None if the answer is not one."""
    given = answer.headers.get("Location", "")
    if answer.status not in FOLLOWED or not given:
        return None
    target = location.joined(url, given)
    if target is None:
        raise Failing("redirects to what is no URL of HTTP")
    return target


def _reason(error: Exception) -> str:
    """A text for the error without the URL, which most errors contain and which may contain a password."""
    if isinstance(error, aiohttp.ClientResponseError):
        return f"answers with what is no HTTP: {type(error).__name__}"
    if isinstance(error, (aiohttp.ClientConnectionError, OSError)):
        return str(error) or type(error).__name__
    return type(error).__name__
