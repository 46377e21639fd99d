"""Keys that a token service publishes under a URL. The last ones stay in force while the service does not answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

import aiohttp
from yarl import URL

from moorage.auth.base import AuthError, Unreachable
from moorage.auth.keyfiles import Parse
from moorage.auth.keys import TrustedKeys
from moorage.observe import outward

log = logging.getLogger(__name__)

LOAD_SECONDS: Final = 10.0
MOST_BYTES: Final = 256 << 10
MOST_REDIRECTS: Final = 3
FRESH_SECONDS: Final = 300.0
STALE_SECONDS: Final = 600.0
"""Keys older than this are loaded again before they are used, so that a key that was withdrawn while no tokens came is not trusted
once more."""
PAUSE_SECONDS: Final = 10.0
"""The least time between two requests for the keys, however many tokens with unknown keys arrive."""
FIRST_PAUSE_SECONDS: Final = 1.0
"""The same while there are no keys at all."""
FAILING_SECONDS: Final = 1.0
"""How long a token waits for the first keys if loading them has failed before."""

_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def is_url(place: str) -> bool:
    return place.lower().startswith(("http://", "https://"))


class RemoteKeys:
    """Loads keys when they are first needed, and again every five minutes while they are in use. There is one request at a time,
    for all tokens that wait for it. `patience`: seconds for an answer. `clock` counts seconds."""

    def __init__(
        self,
        url: str,
        key: str,
        parse: Parse,
        *,
        patience: float = LOAD_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises AuthError for a URL that is not one."""
        self._url = _address(url, key)
        self._where = {"key": key, "url": shown(self._url)}
        self._parse = parse
        self._patience = patience
        self._clock = clock
        self._keys: TrustedKeys | None = None
        self._content = b""
        self._asked = self._answered = float("-inf")
        self._failing = False
        self._question: asyncio.Task[None] | None = None
        if self._url.scheme == "http" and self._url.host not in _HERE:
            log.warning("keys come over plain HTTP: who is on the way can replace them", extra=self._where)

    async def current(self) -> TrustedKeys:
        age = self._clock() - self._answered
        if self._keys is None:
            await self._ask_and_wait(FAILING_SECONDS if self._failing else None)
        elif age > STALE_SECONDS and not self._failing:
            await self._ask_and_wait()
        elif age > FRESH_SECONDS:
            self._ask()
        if self._keys is None:
            raise Unreachable((), f"no keys have come from {self._where['url']} yet")
        return self._keys

    async def newer(self) -> TrustedKeys:
        await self._ask_and_wait()
        return await self.current()

    async def close(self) -> None:
        if self._question is not None:
            self._question.cancel()
            await asyncio.gather(self._question, return_exceptions=True)

    def _ask(self) -> None:
        """Load the keys, unless a request is running or a pause has not passed yet."""
        pause = FIRST_PAUSE_SECONDS if self._keys is None else PAUSE_SECONDS
        now = self._clock()
        if (self._question is None or self._question.done()) and now - self._asked >= pause:
            self._asked = now
            self._question = asyncio.create_task(self._renew())

    async def _ask_and_wait(self, seconds: float | None = None) -> None:
        """`seconds`: how long to wait at most. The request goes on when this client leaves, as others may wait for it too."""
        self._ask()
        if self._question is not None:
            await asyncio.wait([self._question], timeout=seconds)

    async def _renew(self) -> None:
        try:
            content = await _load(self._url, self._patience)
            # While the content is the same, so is the object.
            if self._keys is None or content != self._content:
                self._keys = await asyncio.to_thread(self._parse, content, self._keep_out)
                self._content = content
                log.info("the keys of tokens are in force", extra=self._where)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if not self._failing:
                log.warning(
                    "the keys of tokens cannot be loaded; those that came last stay in force",
                    extra=self._where | {"reason": _reason(error)},
                )
            self._failing = True
            return
        self._failing = False
        self._answered = self._clock()

    def _keep_out(self, reason: str) -> None:
        log.warning("a key is not trusted", extra=self._where | {"reason": reason})


def _address(text: str, key: str) -> URL:
    try:
        url = URL(text)
        if url.scheme in ("http", "https") and url.host:
            return url
    except ValueError:
        pass  # the text of the error repeats the URL, which may have a password
    raise AuthError(f"{key}: is no URL; write https://host/path, or the path of a file")


def shown(url: URL) -> str:
    """The URL without the parts that may be secret: user, password, query and fragment."""
    return str(url.with_user(None).with_query(None).with_fragment(None))


async def _load(url: URL, patience: float) -> bytes:
    """Raises aiohttp.ClientError, OSError (TimeoutError among them) and ValueError."""
    timeout = aiohttp.ClientTimeout(total=patience)
    # A small compressed body could expand to a huge one.
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True, auto_decompress=False) as session:
        for _ in range(1 + MOST_REDIRECTS):
            headers = {"Accept-Encoding": "identity", **outward.headers()}
            async with session.get(url, allow_redirects=False, headers=headers) as answer:
                if answer.status in (301, 302, 303, 307, 308):
                    url = _redirected(url, answer.headers.get("Location", ""))
                    continue
                if answer.status != 200:
                    raise ValueError(f"status {answer.status}")
                return await _read(answer.content)
    raise ValueError("too many redirects")


def _redirected(url: URL, location: str) -> URL:
    """The target of a redirect, with the credentials of the URL before. Raises ValueError unless it is on the same server."""
    target = url.join(URL(location))
    if not location or target.origin() != url.origin():
        raise ValueError("it redirects to another server; write the address of that one")
    return target.with_user(url.user).with_password(url.password) if url.user else target


async def _read(stream: aiohttp.StreamReader) -> bytes:
    content = bytearray()
    async for piece in stream.iter_any():
        content += piece
        if len(content) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES} bytes")
    return bytes(content)


def _reason(error: Exception) -> str:
    """The reason for the log, without any text that could repeat the URL."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.strerror or type(error).__name__
    return str(error) if type(error) is ValueError else type(error).__name__
