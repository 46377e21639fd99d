"""The secret of a registry: a random text that is kept in its storage, the same for all processes on it and for no other registry."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
from typing import Final

from moorage.drivers.base import Driver, DriverError, PathNotFound
from moorage.store import layout

LENGTH: Final = 64

SETTLING_SECONDS: Final = 1.0
"""After this time, all processes that start together on an empty storage see the same secret."""

GIVE: Final = "give it and its folder to the registry's user, or set http.secret"
"""What an operator can do where a disk does not let this user read it."""


async def read_secret(driver: Driver) -> bytes:
    """Empty if there is none yet, or only a part of one. Raises DriverError."""
    try:
        kept = await driver.read(layout.SECRET)
    except PathNotFound:
        return b""
    except DriverError as error:
        if error.reason == os.strerror(errno.EACCES):
            raise DriverError(error.path, f"{error.reason}; {GIVE}") from None
        raise
    return kept if len(kept) == LENGTH else b""


async def make_secret(driver: Driver, *, settling: float = 0.0) -> bytes:
    """`settling`: seconds to wait after making one, where another process may have made one at the same moment and the last one
    written counts. Raises DriverError."""
    made = secrets.token_hex(LENGTH // 2).encode()
    await driver.write([(layout.SECRET, made)])
    if not settling:
        return made
    await asyncio.sleep(settling)
    return await driver.read(layout.SECRET)
