"""Changes where clients are redirected to: to a server with the same tree, or to the storage under another name.

These are the storage middleware `redirect` and `rewrite` of the reference implementation.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from moorage.drivers.base import Driver
from moorage.drivers.delegating import DelegatingDriver

READS = frozenset({"GET", "HEAD"})
"""The methods for which clients are redirected."""

# Characters that a path may contain as they are (RFC 3986, section 3.3), and `%`, so that encoded ones are left alone.
_PATH = "/%:@!$&'()*+,;="


def stem(baseurl: str) -> str:
    """The part `SCHEME://HOST[:PORT][/PATH]` of a URL, without a trailing slash. User, query and fragment are dropped.

    Raises ValueError when there is no scheme or no host.
    """
    parts = urlsplit(baseurl)
    host = parts.netloc.rpartition("@")[2]
    if not parts.scheme or not parts.hostname:
        raise ValueError("the base URL needs a scheme and a host")
    return parts._replace(
        netloc=host, path=quote(parts.path, _PATH).rstrip("/"), query="", fragment=""
    ).geturl()


class Redirected(DelegatingDriver):
    """Redirects clients to `baseurl`, below which the files have the same paths, without asking the wrapped driver.

    Raises ValueError for a base URL without scheme or host.
    """

    def __init__(self, driver: Driver, *, baseurl: str) -> None:
        super().__init__(driver)
        self.redirects = True
        self._stem = stem(baseurl)

    async def direct(self, path: str, method: str, client: str) -> str | None:
        return f"{self._stem}/{quote(path.lstrip('/'))}" if method in READS else None


class Rewritten(DelegatingDriver):
    """Changes the URLs of the wrapped driver: their scheme, their host (with its port), and the prefix `trimpathprefix` of
    their path, which is cut off. An empty option changes nothing, and the query stays.

    Raises ValueError for an invalid scheme or host.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        scheme: str | None = "",
        host: str | None = "",
        trimpathprefix: str | None = "",
    ) -> None:
        super().__init__(driver)
        self._scheme, self._host = (scheme or "").lower(), host or ""
        # The prefix is configured in plain text, and the paths that it is cut off are percent-encoded.
        self._prefix = quote(trimpathprefix or "", _PATH)
        parts = urlsplit(f"{self._scheme or 'https'}://{self._host or 'host'}")
        if parts.scheme != (self._scheme or "https") or parts.netloc != (self._host or "host"):
            raise ValueError(f"not a scheme and a host: {scheme or ''!r}, {host or ''!r}")

    async def direct(self, path: str, method: str, client: str) -> str | None:
        url = await self._driver.direct(path, method, client)
        if url is None:
            return None
        parts = urlsplit(url)
        return parts._replace(
            scheme=self._scheme or parts.scheme,
            netloc=self._host or parts.netloc,
            path=parts.path.removeprefix(self._prefix),
        ).geturl()
