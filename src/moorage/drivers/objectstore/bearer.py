"""Google's tokens, through its own library, for requests that obstore cannot make. It blocks."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.network import PROMPT
from moorage.drivers.objectstore.proxies import proxy_for

SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_write"

_NO_EXCHANGE: Final = {"token_uri": "https://oauth2.googleapis.com/token"}
"""What Google's library wants in every key. It is not asked: the key itself signs tokens for storage."""


class Bearer:
    """Gives requests of boto3 a token, from any thread. `key` holds the fields of a service account's key; without it credentials come
    from the usual chain, as obstore finds them."""

    def __init__(self, key: Mapping[str, str]) -> None:
        self._key = key
        self._refreshing = threading.Lock()
        self._choosing = threading.Lock()
        self._ways: dict[str, Any] = {}

    def __call__(self, request: Any, **_: Any) -> None:
        """botocore's event before-send. Raises DriverError."""
        from google.auth.exceptions import GoogleAuthError

        try:
            with self._refreshing:
                if not self._credentials.valid:
                    self._credentials.refresh(self._transport)
                self._credentials.apply(request.headers)
        except (GoogleAuthError, ValueError) as error:
            line = str(error).partition("\n")[0]
            raise DriverError("storage.gcs", f"no token: {line}") from None

    @cached_property
    def _credentials(self) -> Any:
        if self._key:
            from google.oauth2.service_account import Credentials

            return Credentials.from_service_account_info(  # type: ignore[no-untyped-call] # typed in part
                {**_NO_EXCHANGE, **self._key}, scopes=[SCOPE], always_use_jwt_access=True
            )
        import google.auth

        # Storage needs no project, and one is not worth a warning.
        logging.getLogger("google.auth._default").setLevel(logging.ERROR)
        sends: Any = self._transport
        return google.auth.default(scopes=[SCOPE], request=sends)[0]

    def _transport(self, url: str, **asked: Any) -> Any:
        """Google's library asks several services, so the way is chosen for each request."""
        # Without TLS it asks only the machine's own metadata, which no proxy reaches.
        proxy = proxy_for(url, os.environ) if url.startswith("https://") else ""
        with self._choosing:
            if proxy not in self._ways:
                self._ways[proxy] = _way(proxy)
        return self._ways[proxy](url, **asked)


def _way(proxy: str) -> Any:
    """What sends requests, through the proxy unless it is empty."""
    import google.auth.transport.urllib3
    import urllib3

    timeout = PROMPT.total_seconds()
    connections = urllib3.PoolManager(timeout=timeout)
    if proxy:
        user = urlsplit(proxy).netloc.rpartition("@")[0]
        headers = urllib3.make_headers(proxy_basic_auth=unquote(user)) if user else None
        connections = urllib3.ProxyManager(proxy, proxy_headers=headers, timeout=timeout)
    return google.auth.transport.urllib3.Request(connections)  # type: ignore[no-untyped-call] # typed in part
