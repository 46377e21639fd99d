"""Repeats requests whose answer broke off. obstore itself retries, except if the body of a listing or an error ends early."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.translation import translated

T = TypeVar("T")

PAUSES: Final = (0.1, 0.5, None)
"""Seconds to wait before each further try; None ends the tries."""

BROKEN_OFF: Final = "response body"


async def asked(path: str, call: Callable[[], Awaitable[T]]) -> T:
    """The result of `call`, which must not change anything, since it may be repeated. Raises what `translated` raises."""
    for pause in PAUSES:
        try:
            with translated(path):
                return await call()
        except DriverError as error:
            if pause is None or BROKEN_OFF not in str(error):
                raise
        await asyncio.sleep(pause)
    raise AssertionError("the last pause is none")
