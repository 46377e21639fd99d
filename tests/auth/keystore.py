"""Storages that hold signing keys, what is signed with them, and keys that are trusted without a file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from moorage.auth.keys import TrustedKeys, trusted
from moorage.auth.signing import SigningKeys
from moorage.auth.verification import TokenRefused, Verifier
from moorage.drivers.base import Driver, DriverError
from moorage.drivers.inmemory import InMemoryDriver
from moorage.store.layout import TOKEN_KEYS
from tests.auth.deployment import DAY, part
from tests.auth.hashing import Clock

LIFE = 30 * DAY


class Unsteady(InMemoryDriver):
    """Counts what is asked of it, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.failing: set[str] = set()

    async def children(self, path: str) -> list[str]:
        self._ask("children", path)
        return await super().children(path)

    async def read(self, path: str) -> bytes:
        self._ask("read", path)
        return await super().read(path)

    async def write(self, *stages: Iterable[tuple[str, bytes]]) -> None:
        self._ask("write", TOKEN_KEYS)
        await super().write(*stages)

    async def delete(self, path: str, *, durable: bool = True) -> None:
        self._ask("delete", path)
        await super().delete(path)

    def _ask(self, call: str, path: str) -> None:
        self.asked[call] += 1
        if call in self.failing:
            raise DriverError(path, "the cable is cut")


class FixedKeys:
    """A source of keys that never change."""

    def __init__(self, keys: TrustedKeys) -> None:
        self._keys = keys

    async def current(self) -> TrustedKeys:
        return self._keys

    async def newer(self) -> TrustedKeys:
        return self._keys

    async def close(self) -> None:
        """Nothing is open."""


def trusting(*public: object) -> TrustedKeys:
    """The set of these public keys of `cryptography`."""
    return TrustedKeys(trusted(one) for one in public)


def signed(keys: SigningKeys, clock: Clock, seconds: float = LIFE) -> str:
    now = int(clock())
    return keys.sign({"iss": "i", "sub": "alice", "aud": "s", "iat": now, "exp": now + int(seconds)})


async def accepts(keys: SigningKeys, token: str, clock: Clock) -> bool:
    try:
        await Verifier("i", "s", ["EdDSA"], keys, clock=clock).verify(token)
    except TokenRefused:
        return False
    return True


def kid(token: str) -> str:
    return str(part(token, 0)["kid"])


async def names(driver: Driver) -> list[str]:
    return await driver.children(TOKEN_KEYS)


async def later(keys: SigningKeys, clock: Clock, seconds: float) -> None:
    """The time passes, and the keys are looked at again."""
    clock.seconds += seconds
    await keys.newer()


def secret(content: bytes) -> str:
    return str(json.loads(content)["d"])
