"""Access by the names and passwords of a password file, sent with every request (`Authorization: Basic`)."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from moorage.auth import basic
from moorage.auth.base import Access, Challenge, Credentials, Grant, Offer, Throttled
from moorage.auth.basic import Login
from moorage.auth.passwords import PasswordFile, Passwords, significant
from moorage.auth.remembered import Remembered
from moorage.auth.throttle import Throttle, network_of
from moorage.auth.turns import Place, Turns
from moorage.daemons import NoThread, in_daemon

log = logging.getLogger(__name__)

WAITING: Final = 32
"""The most checks at a time, including the running one. At the usual cost they keep a thread busy for some seconds."""

SPREAD_SECONDS: Final = 5
"""Who has to come again is told one to five seconds, so that not all come at once."""

NICE: Final = 5
"""The priority of the thread that checks, as of `nice`: requests that need no check go first."""


class Htpasswd:
    """Allows everything to every user who has a line in the file.

    Checking a password is slow on purpose. So all workers remember for a while which credentials were right; other credentials
    are checked one after the other, in a thread of low priority; and clients that guess have to wait, and let others go first."""

    def __init__(
        self,
        file: PasswordFile,
        realm: str,
        remembered: Remembered,
        throttle: Throttle,
        *,
        waiting: int = WAITING,
    ) -> None:
        """`remembered`: made before the workers are forked. `waiting`: the most checks at a time, including the running one."""
        self._file = file
        self._offer = Offer("Basic", realm)
        self._remembered = remembered
        self._throttle = throttle
        self._checks = _Checks(file, remembered, throttle, waiting)

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        try:
            login = basic.parse(credentials.authorization)
        except ValueError as error:
            raise Challenge(wanted, (self._offer,), str(error)) from None
        if login is None:
            raise Challenge(wanted, (self._offer,), "no credentials")
        if not await self._is_right(login, credentials.address):
            raise Challenge(wanted, (self._offer,), "wrong user name or password")
        return Grant(login.user)

    async def close(self) -> None:
        await self._checks.close()

    async def _is_right(self, login: Login, address: str) -> bool:
        """Raises Throttled."""
        if shut := self._throttle.shut(address):
            raise Throttled(shut, "too many guesses")
        hashed = self._file.current().hashed(login.user)
        proof = _proof(self._remembered, hashed, login)
        return self._remembered.knows(proof) or await self._checks.is_right(login, proof, address)


@dataclass(slots=True)
class _Check:
    """One check. `addresses`: of the clients that wait for it. Its answer is None if it was not made: it had to make
    room, or all of them had been throttled when its turn came."""

    login: Login
    proof: bytes = field(repr=False)
    addresses: set[str] = field(default_factory=set)
    answer: asyncio.Task[bool | None] = field(init=False)


class _Checks:
    """The slow checks of one process, one at a time. Requests with the same credentials share one check, which goes on when a
    request is cancelled: an attempt counts even if the client did not wait for the answer.

    Networks take turns, and those that guess come less often, so that guesses from a few addresses keep nobody else from signing
    in."""

    def __init__(self, file: PasswordFile, remembered: Remembered, throttle: Throttle, waiting: int) -> None:
        self._file = file
        self._remembered = remembered
        self._throttle = throttle
        self._running: dict[bytes, _Check] = {}
        self._turns = Turns(waiting)

    async def is_right(self, login: Login, proof: bytes, address: str) -> bool:
        """`proof` stands for the credentials. Raises Throttled."""
        if wait := self._throttle.wait(address):
            raise self._refused(login, address, wait, "too many wrong passwords")
        check = self._running.get(proof) or self._begin(login, proof, address)
        answer = None
        if check is not None:
            check.addresses.add(address)
            answer = await asyncio.shield(check.answer)
        if answer is not None:
            return answer
        if wait := self._throttle.wait(address):
            raise self._refused(login, address, wait, "too many wrong passwords")
        wait = 1 + secrets.randbelow(SPREAD_SECONDS)
        raise self._refused(login, address, wait, "too many passwords to check")

    async def close(self) -> None:
        answers = [check.answer for check in self._running.values()]
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)

    def _begin(self, login: Login, proof: bytes, address: str) -> _Check | None:
        """None if too many wait."""
        place = self._turns.enter(network_of(address), 1 + self._throttle.failures(address))
        if place is None:
            return None
        check = self._running[proof] = _Check(login, proof)
        check.answer = asyncio.create_task(self._answer(check, place))
        check.answer.add_done_callback(lambda _: self._running.pop(proof))
        return check

    async def _answer(self, check: _Check, place: Place) -> bool | None:
        login = check.login
        async with self._turns.taken(place) as turn:
            if not turn or all(self._throttle.wait(address) for address in check.addresses):
                return None
            passwords = self._file.current()
            try:
                right = await in_daemon("password", partial(_checked, passwords, login))
            except NoThread:
                # To come again later is what helps then, too.
                return None
        # The file may have changed meanwhile, and its current content counts.
        hashed = passwords.hashed(login.user)
        if right and self._file.current().hashed(login.user) == hashed:
            self._remembered.remember(_proof(self._remembered, hashed, login))
            for address in check.addresses:
                self._throttle.succeeded(address, login.user)
            return True
        known = login.user if hashed else ""
        for address in check.addresses:
            if self._throttle.failed(address, check.proof, known):
                log.info(
                    "too many wrong passwords, this client has to wait",
                    extra={"address": address, "user": known or "unknown"},
                )
        return False

    def _refused(self, login: Login, address: str, wait: float, reason: str) -> Throttled:
        known = login.user if self._file.current().hashed(login.user) else ""
        if self._throttle.refused(address, known):
            log.info("too many guesses, this client is shut out for a while", extra={"address": address})
        return Throttled(wait, reason)


def _proof(remembered: Remembered, hashed: bytes, login: Login) -> bytes:
    """A proof that covers only the significant bytes of the password, one character for each. If it covered the bytes that
    bcrypt ignores, one password would have any number of proofs, each of which would be checked and found right."""
    return remembered.proof(hashed, login.user, significant(login.password).decode("latin-1"))


def _checked(passwords: Passwords, login: Login) -> bool:
    _give_way()
    return passwords.check(login.user, login.password)


def _give_way() -> None:
    """Lower the priority of this thread alone: Linux accepts a thread's id where POSIX says process."""
    thread = threading.get_native_id()
    try:
        if os.getpriority(os.PRIO_PROCESS, thread) < NICE:
            os.setpriority(os.PRIO_PROCESS, thread, NICE)
    except OSError:
        # A sandbox may forbid it. Passwords are then checked at normal priority.
        return
