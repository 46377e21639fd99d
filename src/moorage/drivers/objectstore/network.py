"""How the stores are spoken to: timeouts and new tries, the same for all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from moorage import __version__

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

CONNECT: Final = timedelta(seconds=5)
SILENCE: Final = timedelta(seconds=45)
"""A store that sends nothing for so long is taken for gone. It has to be long enough for a part to be sent."""

WHOLE: Final = timedelta(days=1)
"""A large object may take long; only silence ends it."""

GIVE_UP: Final = timedelta(seconds=50)


def client_options(endpoint: str, *, skip_verify: bool = False, user_agent: str = "") -> ClientConfig:
    return {
        "allow_http": endpoint.startswith("http://"),
        "allow_invalid_certificates": skip_verify,
        "connect_timeout": CONNECT,
        "read_timeout": SILENCE,
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
