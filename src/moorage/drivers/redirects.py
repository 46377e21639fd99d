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


def _dropped(baseurl: str) -> str:
    """What `stem` drops, in words."""
    parts = urlsplit(baseurl)
    there = {"user": "@" in parts.netloc, "query": parts.query, "fragment": parts.fragment}
    *others, last = [f"the {name}" for name, found in there.items() if found] or [""]
    return f"{', '.join(others)} and {last}" if others else last


class Redirected(DelegatingDriver):
    """Redirects clients to `baseurl`, below which the files have the same paths, without asking the wrapped driver.

    Raises ValueError for a base URL without scheme or host, or with anything but these, a port and a path.
    """

    def __init__(self, driver: Driver, *, baseurl: str) -> None:
        super().__init__(driver)
        if dropped := _dropped(baseurl):
            raise ValueError(f"only its scheme, host, port and path can be used: remove {dropped}")
        self.redirects = True
        self._stem = stem(baseurl)

    async def direct(self, path: str, method: str, client: str) -> str | None:
        return f"{self._stem}/{quote(path.lstrip('/'))}" if method in READS else None


class Rewritten(DelegatingDriver):
    """Changes the URLs of the wrapped driver: their scheme, their host (with its port), and the prefix `trimpathprefix` of
    their path, which is cut off where it is a folder of the path: with or without slashes around it, but not in the middle of a
    name. An empty option changes nothing, and the query stays.

    Raises ValueError, naming the option, for an invalid scheme or host.
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
        self._prefix = quote(trimpathprefix or "", _PATH).strip("/")
        if self._scheme and not _fits(self._scheme, "host"):
            raise ValueError(f"scheme must be the scheme alone, such as https, not {scheme!r}")
        if self._host and not _fits("https", self._host):
            raise ValueError(
                f"host must be the host alone, with its port or not, such as cdn.example.com, not {host!r}: "
                "the scheme has an option of its own, scheme"
            )

    async def direct(self, path: str, method: str, client: str) -> str | None:
        url = await self._driver.direct(path, method, client)
        if url is None:
            return None
        parts = urlsplit(url)
        return parts._replace(
            scheme=self._scheme or parts.scheme,
            netloc=self._host or parts.netloc,
            path=self._cut(parts.path),
        ).geturl()

    def _cut(self, path: str) -> str:
        prefix = f"/{self._prefix}"
        inside = path == prefix or path.startswith(f"{prefix}/")
        return path.removeprefix(prefix) if self._prefix and inside else path


def _fits(scheme: str, host: str) -> bool:
    """Whether they stay what they are in a URL."""
    try:
        parts = urlsplit(f"{scheme}://{host}")
    except ValueError:
        return False
    return (parts.scheme, parts.netloc) == (scheme, host)
