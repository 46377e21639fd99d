"""Questions whose answer broke off: obstore tries again by itself unless the body of a listing, or of an error, ended early."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.translation import translated

T = TypeVar("T")

PAUSES: Final = (0.1, 0.5, None)
"""Seconds before it is asked again; after the last one it has failed."""

BROKEN_OFF: Final = "response body"


async def asked(path: str, call: Callable[[], Awaitable[T]]) -> T:
    """What `call` returns, which changes nothing. Raises as `translated`."""
    for pause in PAUSES:
        try:
            with translated(path):
                return await call()
        except DriverError as error:
            if pause is None or BROKEN_OFF not in str(error):
                raise
        await asyncio.sleep(pause)
    raise AssertionError("the last pause is none")
