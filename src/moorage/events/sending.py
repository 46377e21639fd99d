"""One POST to an endpoint, with everything that may go wrong on the way. Needs aiohttp: imported only where there are endpoints.

No proxy is used, no cookies are kept, and certificates are verified. One connection is kept alive. Only the status of a response
counts; up to 4 KiB of the body are read, for a fifth of a second, so that the connection can be reused.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from collections.abc import Sequence
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from moorage import __version__, location
from moorage.events import formats, redirects, signature
from moorage.events.addresses import Guard
from moorage.events.endpoint import Endpoint
from moorage.events.outcome import Sent, answered, unanswered
from moorage.events.redirects import BadRedirect
from moorage.events.resolver import Resolver

MOST_ANSWER_BYTES: Final = 4 << 10
KEEPALIVE_SECONDS: Final = 15.0
DRAIN_SECONDS: Final = 0.2
"""How long to wait for the body of an answer: the next event waits meanwhile."""


class Sender:
    """Sends to one endpoint, one request at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Raises ValueError for an invalid URL or secret."""
        self._endpoint = endpoint
        self._keys = [signature.key(secret) for secret in endpoint.secrets]
        url = _address(endpoint.url)
        self._url = location.without_user(url)
        self._headers = CIMultiDict(endpoint.headers)
        if url.user is not None and "Authorization" not in self._headers:
            self._headers["Authorization"] = _basic(url.user, url.password or "")
        self._guard = Guard(endpoint.forbidden)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, events: Sequence[bytes]) -> Sent:
        """Send events. `events`: the stored JSON of at least one, and of at most as many as the endpoint accepts at once.

        Does not raise, whatever the listener does.
        """
        try:
            async with asyncio.timeout(self._endpoint.timeout):
                answer, url = await self._post(events)
        except TimeoutError:
            return Sent(False, reason=f"no answer within {self._endpoint.timeout:g} s")
        except (BadRedirect, aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            # uvloop raises RuntimeError for some addresses that it cannot connect to.
            if self._guard.refused:
                return Sent(False, reason=f"nothing is sent to {self._guard.refused}, which is forbidden")
            return unanswered(error)
        await _drain(answer)
        elsewhere = url.origin() != self._url.origin()
        return answered(answer.status, answer.headers.get("Retry-After", ""), elsewhere=elsewhere)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, events: Sequence[bytes]) -> tuple[aiohttp.ClientResponse, URL]:
        """The final response, after all redirects, and its URL. Raises BadRedirect and aiohttp's errors."""
        body = formats.body(self._endpoint.format, events, batched=self._endpoint.batch > 1)
        own = CIMultiDict({"Content-Type": body.content_type, "User-Agent": f"moorage/{__version__}"})
        message = formats.message_id(events) if self._keys else ""
        private = CIMultiDict(signature.signed(self._keys, message, int(time.time()), body.content))
        private.extend(self._headers)
        url, trusted = self._url, True
        for _ in range(1 + redirects.MOST):
            # Once a redirect has led to another server, no secret is sent any more, not even back to the first one.
            trusted = trusted and url.origin() == self._url.origin()
            headers = _over(own, private) if trusted else own
            answer = await self._request(url, headers, body.content)
            try:
                target = redirects.redirected(url, answer.status, answer.headers.get("Location", ""))
            except BadRedirect:
                answer.close()
                raise
            if target is None:
                return answer, url
            await _drain(answer)
            url = target
        raise BadRedirect(f"it redirects more than {redirects.MOST} times")

    async def _request(self, url: URL, headers: CIMultiDict[str], body: bytes) -> aiohttp.ClientResponse:
        """Send a request, and repeat it on a new connection if a kept one breaks: the listener may close an idle connection just
        when it is reused, which is not a failure."""
        self._guard.refused = ""
        opened = self._guard.opened
        session = self._open()
        try:
            return await session.post(url, data=body, headers=headers, allow_redirects=False)
        except aiohttp.ClientConnectionError as error:
            if self._guard.opened != opened or isinstance(error, aiohttp.ClientConnectorError):
                raise
        return await session.post(url, data=body, headers=headers, allow_redirects=False)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=1,
                    keepalive_timeout=KEEPALIVE_SECONDS,
                    resolver=Resolver(),
                    socket_factory=self._guard.socket,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                # `send` limits the total time, from the first connection to the last response.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                auto_decompress=False,
                skip_auto_headers=("Accept-Encoding",),
            )
        return self._session


def _address(text: str) -> URL:
    """The URL. Raises ValueError without the text, which may contain a password."""
    with contextlib.suppress(ValueError):
        url = URL(text)
        if url.scheme in ("http", "https") and url.host:
            return url
    raise ValueError("is no URL: write http://host/path, or https")


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _over(below: CIMultiDict[str], above: CIMultiDict[str]) -> CIMultiDict[str]:
    """All headers of `above`, and those of `below` that are not in `above`."""
    headers = above.copy()
    headers.extend((name, value) for name, value in below.items() if name not in above)
    return headers


async def _drain(answer: aiohttp.ClientResponse) -> None:
    """Read the rest of a response. The status is known already, so this only decides whether the connection is kept."""
    read = 0
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for piece in answer.content.iter_any():
                read += len(piece)
                if read > MOST_ANSWER_BYTES:
                    break
    except (aiohttp.ClientError, OSError, ValueError):
        pass
    finally:
        # This does not affect a connection whose response was read to its end: it is back in the pool already.
        answer.close()
