"""Which clients have guessed too often. Does no input or output; the clock is a parameter."""

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
    """Counts of one address, from its first failure or refusal on. Both are counted by user; all unknown users count as one."""

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
    """Counts by client address, in windows of `SECONDS`.

    After `failures` wrong passwords an address has to wait: its credentials are not checked against the file until its window
    is over. Credentials that are remembered to be right still pass, so that one broken script does not stop everybody who shares
    its address. But this tells right guesses from wrong ones at no cost, so after `refusals` more guesses the address is shut
    out: nothing passes.

    A right password clears what was counted for its own user, and nothing else. Many people may share an address, and some of
    them sign in all the time: if that cleared the guesses at other users, no guesser there would ever have to wait.

    Memory is bounded: beyond `addresses`, the address that failed longest ago is forgotten. An IPv6 network counts as one
    address by its first 64 bits, the least that a single customer has. All clients with an unknown address count as one."""

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        refusals: int = REFUSALS,
        addresses: int = ADDRESSES,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures = failures
        self._refusals = refusals
        self._addresses = addresses
        self._now = now
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def wait(self, address: str) -> float:
        """Seconds until a password of this address is checked again; 0 if it may be checked now."""
        window = self._current(address)
        return self._left(window) if window and window.failed >= self._failures else 0.0

    def shut(self, address: str) -> float:
        """Seconds until any credentials of this address are accepted again; 0 if they are now."""
        window = self._current(address)
        return self._left(window) if window and window.refused >= self._refusals else 0.0

    def failures(self, address: str) -> float:
        """The wrong passwords that are counted now."""
        window = self._current(address)
        return window.failed if window else 0.0

    def failed(self, address: str, guess: bytes = b"", user: str = "") -> bool:
        """Count a wrong password. Returns whether it is the one after which the address has to wait.

        `guess` identifies user and password: repeating them counts for less, as an attacker does not repeat guesses, but a client
        with an old password sends it for each layer that it pushes. `user`: empty for an unknown user, as such names are not
        kept."""
        window = self._counted(address)
        before = window.failed
        window.failures[user] = window.failures.get(user, 0.0) + (
            REPEATED if guess and guess in window.guesses else 1.0
        )
        if guess:
            window.guesses.add(guess)
        return before < self._failures <= window.failed

    def refused(self, address: str, user: str = "") -> bool:
        """Count credentials that were neither remembered nor checked. Returns whether they are those after which the address is
        shut out."""
        window = self._counted(address)
        window.refusals[user] = window.refusals.get(user, 0) + 1
        return window.refused == self._refusals

    def succeeded(self, address: str, user: str) -> None:
        """Forgive a user whose password was checked and is right. Do not call this for remembered credentials: an attacker behind
        the same address could then guess the password of that user for as long as the user works."""
        network = network_of(address)
        if window := self._windows.get(network):
            window.failures.pop(user, None)
            window.refusals.pop(user, None)
            if not window.failures and not window.refusals:
                del self._windows[network]

    @property
    def size(self) -> int:
        """The number of addresses that are kept now."""
        return len(self._windows)

    def _current(self, address: str) -> _Window | None:
        if not self._windows:
            return None
        window = self._windows.get(network_of(address))
        return window if window and self._left(window) else None

    def _left(self, window: _Window) -> float:
        return max(0.0, window.end - self._now())

    def _counted(self, address: str) -> _Window:
        network = network_of(address)
        window = self._current(address) or _Window(self._now() + SECONDS)
        self._windows[network] = window
        self._windows.move_to_end(network)
        if len(self._windows) > self._addresses:
            self._windows.popitem(last=False)
        return window


def network_of(address: str) -> str:
    """What counts as one address: the address itself, the first 64 bits of IPv6 as a number, empty for an unknown one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or int(found) >> 64)
