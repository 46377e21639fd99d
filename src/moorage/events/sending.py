"""One POST to an endpoint, with everything that may go wrong on the way. Needs aiohttp: imported only where there are endpoints.

No proxy is used and no cookie kept, and certificates are checked. One connection is kept alive. Of what a listener answers, the
status counts; of the rest only so much is read that the connection can be used again.
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

from moorage import __version__
from moorage.events import formats, redirects, signature
from moorage.events.addresses import Guard
from moorage.events.endpoint import Endpoint
from moorage.events.outcome import Sent, answered, unanswered
from moorage.events.redirects import BadRedirect

MOST_ANSWER_BYTES: Final = 4 << 10
KEEPALIVE_SECONDS: Final = 15.0


class Sender:
    """Sends to one endpoint, one request at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Raises ValueError for a URL or a secret that is none."""
        self._endpoint = endpoint
        self._keys = [signature.key(secret) for secret in endpoint.secrets]
        url = _address(endpoint.url)
        self._url = redirects.without_user(url)
        self._headers = CIMultiDict(endpoint.headers)
        if url.user is not None and "Authorization" not in self._headers:
            self._headers["Authorization"] = _basic(url.user, url.password or "")
        self._guard = Guard(endpoint.forbidden)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, events: Sequence[bytes]) -> Sent:
        """Does not raise, whatever a listener does. `events`: at least one, as they are kept, and no more than the endpoint takes at
        once."""
        try:
            async with asyncio.timeout(self._endpoint.timeout) as limit:
                answer, url = await self._post(events)
        except TimeoutError:
            return Sent(False, reason=f"no answer within {self._endpoint.timeout:g} s")
        except (BadRedirect, aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            # A RuntimeError is how uvloop puts some addresses that cannot be connected to.
            if self._guard.refused:
                return Sent(False, reason=f"nothing is sent to {self._guard.refused}, which is forbidden")
            return unanswered(error)
        await _drain(answer, limit.when())
        elsewhere = url.origin() != self._url.origin()
        return answered(answer.status, answer.headers.get("Retry-After", ""), elsewhere=elsewhere)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, events: Sequence[bytes]) -> tuple[aiohttp.ClientResponse, URL]:
        """The last answer, after all redirects, and whose it is. Raises BadRedirect and what aiohttp raises."""
        body = formats.written(self._endpoint.format, events, batched=self._endpoint.batch > 1)
        own = CIMultiDict({"Content-Type": body.content_type, "User-Agent": f"moorage/{__version__}"})
        message = formats.message_id(events) if self._keys else ""
        private = CIMultiDict(signature.signed(self._keys, message, int(time.time()), body.content))
        private.extend(self._headers)
        url, trusted = self._url, True
        for _ in range(1 + redirects.MOST):
            # Where a redirect has led away once, nothing that is secret goes any more, not even back.
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
        """A listener may close a kept connection just when it is used again, which says nothing of it: the request is repeated on
        another one."""
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
                    limit=1, keepalive_timeout=KEEPALIVE_SECONDS, socket_factory=self._guard.socket
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                # The time is limited from the first address to the last answer, here.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                auto_decompress=False,
                skip_auto_headers=("Accept-Encoding",),
            )
        return self._session


def _address(text: str) -> URL:
    """Raises ValueError, without the text, in which there may be a password."""
    with contextlib.suppress(ValueError):
        url = URL(text)
        if url.scheme in ("http", "https") and url.host:
            return url
    raise ValueError("is no URL: write http://host/path, or https")


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _over(below: CIMultiDict[str], above: CIMultiDict[str]) -> CIMultiDict[str]:
    """All of `above`, and of `below` what that has not."""
    headers = above.copy()
    headers.extend((name, value) for name, value in below.items() if name not in above)
    return headers


async def _drain(answer: aiohttp.ClientResponse, deadline: float | None = None) -> None:
    """The status is known, so whatever happens here changes nothing but whether the connection is kept."""
    read = 0
    try:
        async with asyncio.timeout_at(deadline):
            async for piece in answer.content.iter_any():
                read += len(piece)
                if read > MOST_ANSWER_BYTES:
                    break
    except (aiohttp.ClientError, OSError, ValueError):
        pass
    finally:
        # Nothing happens to a connection that was read to its end: it is kept already.
        answer.close()
