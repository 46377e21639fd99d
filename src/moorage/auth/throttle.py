"""Which clients have guessed too often. No input or output; the clock is a parameter."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

SECONDS: Final = 60.0
FAILURES: Final = 10
REPEATED: Final = 0.2
REFUSALS: Final = 300
ADDRESSES: Final = 10_000


@dataclass(slots=True)
class _Window:
    """Begins with the first failure or refusal. Both are counted by user, those in names that nobody has as of one."""

    end: float
    failures: dict[str, float] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    guesses: set[bytes] = field(default_factory=set)

    @property
    def failed(self) -> float:
        return sum(self.failures.values())

    @property
    def refused(self) -> int:
        return sum(self.refusals.values())


class Throttle:
    """Counts by client address, in windows of `seconds`.

    After `failures` wrong passwords an address has to wait: nothing of it is checked against the file until its window is
    over. What is remembered to be right still passes, so that one wrong script does not stop all who share its address. But
    this tells wrong from right without work, so after `refusals` more guesses the address is shut out: nothing passes.

    Who then is right is forgiven what was counted in their own name, and nothing else. Behind one address there may be many
    people, and somebody is right all the time: if that forgave the guesses at others, nobody there would ever have to wait.

    Memory is bounded: of more than `addresses` the one that failed longest ago is forgotten. Networks of IPv6 count as one
    address by their first 64 bits, which is the least that a single customer has. All whose address is unknown are one."""

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        refusals: int = REFUSALS,
        seconds: float = SECONDS,
        addresses: int = ADDRESSES,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures = failures
        self._refusals = refusals
        self._seconds = seconds
        self._addresses = addresses
        self._now = now
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def wait(self, address: str) -> float:
        """Seconds until a password of this address is checked again; 0 for at once."""
        window = self._current(address)
        return self._left(window) if window and window.failed >= self._failures else 0.0

    def shut(self, address: str) -> float:
        """Seconds until anything of this address is looked at again; 0 for at once."""
        window = self._current(address)
        return self._left(window) if window and window.refused >= self._refusals else 0.0

    def failed(self, address: str, guess: bytes = b"", user: str = "") -> bool:
        """A wrong password. Whether it is the one after which the address has to wait. `guess` stands for user and password: the same
        ones again count for less, for nobody guesses so, but a client with an old password asks once for each layer that it pushes.
        `user`: empty for a name that nobody has, as no such name is to be kept."""
        window = self._counted(address)
        before = window.failed
        window.failures[user] = window.failures.get(user, 0.0) + (
            REPEATED if guess and guess in window.guesses else 1.0
        )
        if guess:
            window.guesses.add(guess)
        return before < self._failures <= window.failed

    def refused(self, address: str, user: str = "") -> bool:
        """Credentials that were not remembered went unchecked. Whether they are those after which the address is shut out."""
        window = self._counted(address)
        window.refusals[user] = window.refusals.get(user, 0) + 1
        return window.refused == self._refusals

    def succeeded(self, address: str, user: str) -> None:
        """A check found the password right. Not to be told of what was remembered: whoever shares an address with that user could
        then guess at their password for as long as they work."""
        network = _network(address)
        if window := self._windows.get(network):
            window.failures.pop(user, None)
            window.refusals.pop(user, None)
            if not window.failures and not window.refusals:
                del self._windows[network]

    @property
    def size(self) -> int:
        """Addresses that are counted now."""
        return len(self._windows)

    def _current(self, address: str) -> _Window | None:
        if not self._windows:
            return None
        window = self._windows.get(_network(address))
        return window if window and self._left(window) else None

    def _left(self, window: _Window) -> float:
        return max(0.0, window.end - self._now())

    def _counted(self, address: str) -> _Window:
        network = _network(address)
        window = self._current(address) or _Window(self._now() + self._seconds)
        self._windows[network] = window
        self._windows.move_to_end(network)
        if len(self._windows) > self._addresses:
            self._windows.popitem(last=False)
        return window


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or int(found) >> 64)
