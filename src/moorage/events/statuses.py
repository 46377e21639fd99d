"""How a status of HTTP is spelled in outcomes and in counts."""

from __future__ import annotations

import http


def spelled(status: int) -> str:
    """As in `202 Accepted`, with the standard phrase if there is one. The listener's own could be anything, and each would get its own
    counter."""
    try:
        return f"{status} {http.HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def number(status: str) -> int:
    """The status that is spelled so."""
    return int(status.partition(" ")[0])
