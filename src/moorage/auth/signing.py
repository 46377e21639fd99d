"""The keys of the built-in token service: each is an object in the storage, shared by all workers and replicas.

Every process accepts all keys. New tokens are signed with the newest key that is old enough for the other processes to know it.
A process that finds the newest key due for rotation makes another one; an old key is removed when no token that it signed can be
valid any more. No process waits for another: if two make a key at the same time, there are two new keys, and both are good.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from moorage.auth.base import AuthError
from moorage.auth.keys import TrustedKeys
from moorage.auth.signingkey import SigningKey
from moorage.drivers.base import Damaged, Driver, DriverError, PathNotFound
from moorage.store import layout
from moorage.wire import encode

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 60.0
SETTLED_SECONDS: Final = 75.0
"""A key of this age is known to every process that looks each minute; a process that has not looked does so when it meets the
key."""
UNKNOWN_SECONDS: Final = 1.0
"""The least time between two looks for an unknown key, as any client can name one."""
PATIENCE_SECONDS: Final = 5.0
"""How long a request waits for such a look."""
GRACE_SECONDS: Final = 3600.0
"""How much longer than its tokens a key is kept, because clocks differ."""
ROTATION_SECONDS: Final = 30 * 86400.0

FAILING: Final = "keys for signing tokens cannot be looked at, those that are known stay in force"
UNUSABLE: Final = "a key for signing tokens cannot be used and is ignored"
AHEAD: Final = "a key for signing tokens has a date in the future and is not used before"


class SigningKeys:
    """Signs tokens, and is the source of the keys that verify them (`keysources.KeySource`). Known keys stay in force while the
    storage fails."""

    def __init__(
        self, driver: Driver, token_seconds: float, rotation_seconds: float, clock: Callable[[], float]
    ) -> None:
        """Use `open`."""
        self._driver = driver
        self._token_seconds = token_seconds
        self._rotation_seconds = rotation_seconds
        self._clock = clock
        self._keys: tuple[SigningKey, ...] = ()
        self._trusted = TrustedKeys(())
        self._looked = self._asked = float("-inf")
        self._turn = asyncio.Lock()
        self._looks: list[asyncio.Task[None]] = []
        self._told: set[str] = set()

    @classmethod
    async def open(
        cls,
        driver: Driver,
        *,
        token_seconds: float,
        rotation_seconds: float = ROTATION_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> SigningKeys:
        """`token_seconds`: the longest lifetime of any token. Raises AuthError if the storage neither holds a key nor takes
        one."""
        keys = cls(driver, token_seconds, rotation_seconds, clock)
        try:
            await keys._look()
        except DriverError as error:
            raise AuthError(
                f"auth.issuer: no key for signing tokens can be read from, or written to, {layout.TOKEN_KEYS} in the storage: "
                f"{error}; let the registry write there once, or set auth.issuer.enabled: false"
            ) from None
        return keys

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token (JWS compact serialization). Needs a running event loop."""
        self._look_soon()
        return self._signing().sign(encode(claims))

    async def current(self) -> TrustedKeys:
        self._look_soon()
        return self._trusted

    async def newer(self) -> TrustedKeys:
        """All keys, including those that other processes have made by now; looks at most once a second."""
        now = self._clock()
        if _over(self._asked, now, UNKNOWN_SECONDS):
            self._asked = now
            self._begin()
        if self._looks:
            await asyncio.wait(self._looks, timeout=PATIENCE_SECONDS)
        return self._trusted

    async def close(self) -> None:
        for look in self._looks:
            look.cancel()
        await asyncio.gather(*self._looks, return_exceptions=True)

    def _signing(self) -> SigningKey:
        """The newest key that is old enough; if none is, as on the very first start, the oldest key, because all processes that
        start together agree on that one."""
        now = self._clock()
        settled = [key for key in self._keys if key.created + SETTLED_SECONDS <= now]
        return settled[-1] if settled else self._keys[0]

    def _look_soon(self) -> None:
        if not self._looks and _over(self._looked, self._clock(), LOOK_SECONDS):
            self._begin()

    def _begin(self) -> None:
        """Look in a task, so that a request that is cancelled does not end the look that others wait for."""
        look = asyncio.create_task(self._look_again())
        self._looks.append(look)
        look.add_done_callback(self._looks.remove)

    async def _look_again(self) -> None:
        try:
            async with self._turn:
                await self._look()
        except DriverError as error:
            self._tell(FAILING, error)
        else:
            self._told.discard(FAILING)

    async def _look(self) -> None:
        """Raises DriverError when the keys cannot be listed, or there is none and none can be written."""
        self._looked = self._clock()
        found = await self._found(self._keys)
        if self._is_due(found):
            found = await self._with_another(found)
        self._take(found)
        await self._remove_old()

    def _is_due(self, found: Iterable[SigningKey]) -> bool:
        """Whether another key is to be made. A key dated more than one rotation ahead does not count: rotation would stop
        until its day comes."""
        newest = float("-inf")
        for key in found:
            if key.created <= self._looked + self._rotation_seconds:
                newest = max(newest, key.created)
            else:
                path = f"{layout.TOKEN_KEYS}/{key.name}"
                self._tell(AHEAD, "some clock was ahead, or this one is behind", path)
        return self._looked - newest >= self._rotation_seconds

    async def _found(self, known: Iterable[SigningKey]) -> list[SigningKey]:
        """The keys in the storage. Known ones are not read again, as a key never changes. Raises DriverError."""
        try:
            names = await self._driver.children(layout.TOKEN_KEYS)
        except PathNotFound:
            return []
        keys = {key.name: key for key in known}
        found = [keys.get(name) or await self._read(name) for name in names]
        return [key for key in found if key is not None]

    async def _read(self, name: str) -> SigningKey | None:
        path = f"{layout.TOKEN_KEYS}/{name}"
        try:
            return SigningKey.parse(name, await self._driver.read(path))
        except Damaged as error:
            self._tell(UNUSABLE, error, path)
        except PathNotFound:
            # Another process has removed it meanwhile.
            return None
        except (DriverError, ValueError) as error:
            self._tell(UNUSABLE, error, path)
        return None

    async def _with_another(self, found: list[SigningKey]) -> list[SigningKey]:
        """The keys with a new one, and with those that others made at the same moment. Raises DriverError when there is no key
        and none can be written."""
        made = SigningKey.new(int(self._clock()))
        try:
            await self._driver.write([(f"{layout.TOKEN_KEYS}/{made.name}", made.content())])
        except DriverError as error:
            if not found:
                raise
            self._tell(
                "a new key for signing tokens is due and cannot be written, the old one goes on", error
            )
            return found
        log.info("tokens have a new signing key", extra={"path": f"{layout.TOKEN_KEYS}/{made.name}"})
        found = await self._found([*found, made])
        return found if made in found else [*found, made]

    def _take(self, found: Iterable[SigningKey]) -> None:
        """Keep the same TrustedKeys object while the keys are the same: with a new one, every token is verified again."""
        keys = tuple(sorted(found))
        if keys != self._keys:
            self._keys = keys
            self._trusted = TrustedKeys(key.trusted for key in keys)

    async def _remove_old(self) -> None:
        """Remove each key whose last token has expired; it was signed before the next key came into use."""
        for old, following in pairwise(self._keys):
            in_use = following.created + SETTLED_SECONDS + self._token_seconds + GRACE_SECONDS
            if in_use > self._clock():
                return
            try:
                await self._driver.delete(f"{layout.TOKEN_KEYS}/{old.name}")
            except PathNotFound:
                pass
            except DriverError as error:
                self._tell("an old key for signing tokens cannot be removed", error)
                return
            self._take(key for key in self._keys if key is not old)

    def _tell(self, message: str, error: Exception | str, path: str = "") -> None:
        """Log a failure once, not every minute."""
        if (told := message + path) not in self._told:
            self._told.add(told)
            log.warning(message, extra={"path": path or layout.TOKEN_KEYS, "reason": str(error)})


def _over(then: float, now: float, seconds: float) -> bool:
    """Whether the seconds have passed, or the clock was set back."""
    return not 0 <= now - then < seconds
