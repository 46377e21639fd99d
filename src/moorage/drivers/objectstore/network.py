"""How the stores are spoken to: timeouts and new tries, the same for all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from moorage import __version__

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

CONNECT: Final = timedelta(seconds=5)
SILENCE: Final = timedelta(seconds=45)
"""A store that sends nothing for so long is taken for gone. The time in which a part is sent counts as silence."""

SLOWEST: Final = 256 << 10
"""Bytes in a second, of a connection that shall be able to send a part."""

PROMPT: Final = timedelta(seconds=15)
"""The same where little is sent: then there is time to ask once or twice more before a client gives up."""

WHOLE: Final = timedelta(days=1)
"""A large object may take long; only silence ends it."""

GIVE_UP: Final = timedelta(seconds=40)
"""After which nothing is tried again. With one last silence it is less than the minute that a client may wait."""


def patience(part_bytes: int) -> timedelta:
    """The silence to bear from a store that parts of that size are sent to."""
    return max(SILENCE, timedelta(seconds=part_bytes / SLOWEST))


def client_options(
    endpoint: str, *, skip_verify: bool = False, user_agent: str = "", silence: timedelta = SILENCE
) -> ClientConfig:
    return {
        "allow_http": endpoint.startswith("http://"),
        "allow_invalid_certificates": skip_verify,
        "connect_timeout": CONNECT,
        "read_timeout": silence,
        "timeout": WHOLE,
        "user_agent": user_agent or f"moorage/{__version__}",
        "default_content_type": "application/octet-stream",
    }


def retries(most: int = 8, first: timedelta = timedelta(milliseconds=100)) -> RetryConfig:
    """Growing pauses with jitter between `most` tries, so that a client hears of a store that is down within a minute."""
    return {
        "max_retries": most,
        "backoff": {"init_backoff": first, "max_backoff": timedelta(seconds=5), "base": 2},
        "retry_timeout": GIVE_UP,
    }
