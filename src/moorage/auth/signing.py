"""The keys of the built-in token service: each an object in the storage, shared by all workers and replicas.

Everybody accepts all of them. New tokens are signed with the newest one that has been there for so long that the others know it.
Whoever notices that it is old makes another one; an old one is removed when nothing that it signed can be valid any more.
Nobody waits for anybody: two that make one at the same time make two, and both are good.
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
"""A key so old is known to all that look every minute; the others look when they meet it."""
UNKNOWN_SECONDS: Final = 1.0
"""Between two looks for a key that is not known: anybody can name one."""
PATIENCE_SECONDS: Final = 5.0
"""How long a request waits for such a look."""
GRACE_SECONDS: Final = 3600.0
"""A key is kept so much longer than its tokens, for clocks differ."""
ROTATION_SECONDS: Final = 30 * 86400.0

FAILING: Final = "keys for signing tokens cannot be looked at, those that are known stay in force"
UNUSABLE: Final = "a key for signing tokens cannot be used and is ignored"


class SigningKeys:
    """Signs, and is the source of the keys by which it is verified (`keysources.KeySource`). Keys that are known stay in force while
    the storage fails."""

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
        key: str = "auth.issuer",
        clock: Callable[[], float] = time.time,
    ) -> SigningKeys:
        """`token_seconds`: the longest life of any token. `key`: what all of this is called in the configuration. Raises AuthError when
        the storage neither holds a key nor takes one."""
        keys = cls(driver, token_seconds, rotation_seconds, clock)
        try:
            await keys._look()
        except DriverError as error:
            raise AuthError(
                f"{key}: no key for signing tokens can be read from, or written to, {layout.TOKEN_KEYS} in the storage: "
                f"{error}; let the registry write there once, or set {key}.enabled: false"
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
        """With what other processes have made by now, asked once a second at most."""
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
        """On the very first start, when none is old enough, the oldest one: all of those who start together agree on that."""
        now = self._clock()
        settled = [key for key in self._keys if key.created + SETTLED_SECONDS <= now]
        return settled[-1] if settled else self._keys[0]

    def _look_soon(self) -> None:
        if not self._looks and _over(self._looked, self._clock(), LOOK_SECONDS):
            self._begin()

    def _begin(self) -> None:
        """A task, so that whoever goes away does not end the look that others wait for."""
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
        """Raises DriverError when there is no key, and none can be made."""
        self._looked = self._clock()
        found = await self._found(self._keys)
        if not found or self._looked - max(found).created >= self._rotation_seconds:
            found = await self._with_another(found)
        self._take(found)
        await self._remove_old()

    async def _found(self, known: Iterable[SigningKey]) -> list[SigningKey]:
        """Raises DriverError. What is known already is not read again, for a key never changes."""
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
        """And with those that others made at the same moment. Raises DriverError when there is none at all."""
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
        """While the keys are the same, so is the object: with another one, verified tokens are verified again."""
        keys = tuple(sorted(found))
        if keys != self._keys:
            self._keys = keys
            self._trusted = TrustedKeys(key.trusted for key in keys)

    async def _remove_old(self) -> None:
        """Those whose last token was signed before the next key was in use, and is over."""
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

    def _tell(self, message: str, error: Exception, path: str = "") -> None:
        """Once, not every minute."""
        if (told := message + path) not in self._told:
            self._told.add(told)
            log.warning(message, extra={"path": path or layout.TOKEN_KEYS, "reason": str(error)})


def _over(then: float, now: float, seconds: float) -> bool:
    """A clock that went back does not make anybody wait."""
    return not 0 <= now - then < seconds
