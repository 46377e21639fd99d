"""The probe of a URL. Needs aiohttp: imported only where URLs are probed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import aiohttp

from moorage.health.check import Failing, Probe

REDIRECTS: Final = 10
_USER = re.compile(r"(?<=://)[^/?#]*@")


def answers(uri: str, status: int, headers: Sequence[tuple[str, str]] = ()) -> Probe:
    """HEAD must end with that status. Redirects are followed, unless the status is that of one."""
    if any(name.lower() == "authorization" for name, _ in headers):
        uri = _USER.sub("", uri)

    async def probe() -> None:
        found = await _head(uri, headers, follow=not 300 <= status < 400)
        if found != status:
            raise Failing(f"answers with status {found}, not {status}")

    return probe


async def _head(uri: str, headers: Sequence[tuple[str, str]], *, follow: bool) -> int:
    try:
        async with (
            aiohttp.ClientSession(
                trust_env=True, cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "moorage"}
            ) as session,
            session.head(uri, headers=headers, allow_redirects=follow, max_redirects=REDIRECTS) as answer,
        ):
            return answer.status
    except TimeoutError:
        raise
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise Failing(_reason(error)) from None


def _reason(error: Exception) -> str:
    """Without the URL that most errors tell, for there may be a password in it."""
    if isinstance(error, aiohttp.TooManyRedirects):
        return f"redirects more than {REDIRECTS} times"
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return "redirects to what is no URL of HTTP"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"answers with what is no HTTP: {type(error).__name__}"
    if isinstance(error, (aiohttp.ClientConnectionError, OSError)):
        return str(error) or type(error).__name__
    return type(error).__name__
