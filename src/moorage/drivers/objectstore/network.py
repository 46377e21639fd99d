"""Timeouts and retries, the same for all stores."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from moorage import __version__

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

AGENT: Final = f"moorage/{__version__}"
"""What requests name as their User-Agent, if the configuration has no other name."""

CONNECT: Final = timedelta(seconds=5)
SILENCE: Final = timedelta(seconds=45)
"""A store that sends nothing for so long counts as gone. The time for sending a part counts as silence, too."""

SLOWEST: Final = 256 << 10
"""The slowest connection, in bytes per second, that has to be able to send a part."""

PROMPT: Final = timedelta(seconds=15)
"""The silence for small requests: it leaves time for another try or two before a client gives up."""

WHOLE: Final = timedelta(days=1)
"""The limit for a whole request. A large object may take long; only silence ends it earlier."""

GIVE_UP: Final = timedelta(seconds=40)
"""No request is retried after this time. With a last `PROMPT` silence it is less than the minute that a client may wait."""

EVERYWHERE: Final = "*,0.0.0.0/0,::/0"
"""For obstore, all names and all addresses."""

MOST: Final = 30
"""More retries than there is time for, whatever pauses are drawn."""

LONGEST: Final = timedelta(seconds=5)
"""Of the pauses before a retry."""

AT_START: Final = 4
"""So many retries take two seconds. Who starts a server with a wrong address learns so at once."""


def patience(part_bytes: int) -> timedelta:
    """The silence to allow a store that is sent parts of that size."""
    return max(SILENCE, timedelta(seconds=part_bytes / SLOWEST))


def without_user(endpoint: str) -> str:
    """The address as clients may know it: a user and a password in it are the registry's."""
    parts = urlsplit(endpoint)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def client_options(
    endpoint: str,
    *,
    skip_verify: bool = False,
    user_agent: str = "",
    silence: timedelta,
    authorities: bytes | None = None,
    proxy: str | None = None,
) -> ClientConfig:
    """`authorities`: certificates in PEM that are trusted besides those of the system. `proxy`: its URL, or empty for none; with None
    obstore looks for one in the environment."""
    options: ClientConfig = {
        "allow_http": endpoint.lower().startswith("http://"),
        "allow_invalid_certificates": skip_verify,
        "connect_timeout": CONNECT,
        "read_timeout": silence,
        "timeout": WHOLE,
        "user_agent": user_agent or AGENT,
        "default_content_type": "application/octet-stream",
    }
    if authorities is not None:
        options["root_certificate"] = authorities
    if proxy is not None:
        # Without a proxy of its own it would take one from the environment.
        options["proxy_url"] = proxy or "http://127.0.0.1"
        if not proxy:
            options["proxy_excludes"] = EVERYWHERE
    return options


def retries(most: int = MOST, first: timedelta = timedelta(milliseconds=100)) -> RetryConfig:
    """Up to `most` retries within `GIVE_UP`, with growing pauses and jitter. So a client learns within a minute that a store is down,
    and does not notice that one is started again.

    A pause is drawn between the first one and `base` times the last one (object_store, "BackoffConfig"). So with 4 it doubles on
    average; with 2 it does not grow, and eight retries are over in two seconds. A first pause above `LONGEST` is that one."""
    return {
        "max_retries": most,
        "backoff": {"init_backoff": min(first, LONGEST), "max_backoff": LONGEST, "base": 4},
        "retry_timeout": GIVE_UP,
    }
