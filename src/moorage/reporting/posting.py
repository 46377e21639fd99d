"""Sends one message to a service by HTTP, in bounded time."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from moorage import __version__
from moorage.reporting.courier import Undelivered

SECONDS: Final = 5.0
"""Timeout for connecting, and between bytes of a response."""
AGENT: Final = f"moorage/{__version__}"


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirects, so that the key of a project is not sent elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Post:
    """Posts to `url`, which the configuration has checked to be http or https. Uses the proxy in HTTPS_PROXY, if there is one."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(_Stay)

    def send(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Post a message. Raises Undelivered unless the status is 2xx."""
        request = urllib.request.Request(self._url, body, {**headers, "User-Agent": AGENT}, method="POST")  # noqa: S310  # checked
        try:
            self._opener.open(request, timeout=SECONDS).close()
        except urllib.error.HTTPError as error:
            error.close()
            raise Undelivered(f"it answers {error.code}") from None
        except TimeoutError:
            raise Undelivered(_LATE) from None
        except urllib.error.URLError as error:
            raise Undelivered(_unreachable(error.reason)) from None
        except (http.client.HTTPException, OSError) as error:
            raise Undelivered(f"its answer cannot be read: {type(error).__name__}") from None


_LATE: Final = f"no answer within {SECONDS:g} seconds"


def _unreachable(reason: object) -> str:
    if isinstance(reason, TimeoutError):
        return _LATE
    known = isinstance(reason, OSError) and reason.strerror
    return f"it cannot be reached: {known or type(reason).__name__}"
