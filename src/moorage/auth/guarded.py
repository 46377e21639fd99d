"""A controller of another package, so that whatever it does wrong refuses."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final

from moorage.auth.base import (
    Access,
    AccessController,
    AccessRefused,
    Challenge,
    Credentials,
    Grant,
    Offer,
    Throttled,
    TokenExpired,
    Unreachable,
)
from moorage.observe import redaction
from moorage.observe.redaction import Redaction

log = logging.getLogger(__name__)

SECONDS: Final = 10.0
"""For one answer."""
AGAIN_SECONDS: Final = 60.0
"""Before the same failure is told once more."""
LONGEST_MESSAGE: Final = 200
_FRAMES: Final = 8


class Guarded:
    """What is neither a grant nor a refusal, and what does not come in time, is Unreachable. `name`: as the log calls it."""

    def __init__(self, controller: AccessController, name: str, seconds: float = SECONDS) -> None:
        self._controller = controller
        self._name = name
        self._seconds = seconds
        self._told: dict[str, float] = {}

    async def authorize(self, credentials: Credentials, wanted: Sequence[Access]) -> Grant:
        try:
            async with asyncio.timeout(self._seconds):
                return _checked(await self._controller.authorize(credentials, wanted))
        except AccessRefused as refused:
            try:
                _check_refusal(refused)
            except TypeError as error:
                raise self._failed(error, credentials, wanted) from None
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # It waited for something that was cancelled; nobody cancelled the request.
            raise self._failed(error, credentials, wanted) from None
        except (Exception, SystemExit) as error:
            raise self._failed(error, credentials, wanted) from None

    async def close(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._controller.close()
        except (Exception, SystemExit) as error:
            self._tell("the access controller cannot be closed", error, Credentials())

    def _failed(
        self, error: BaseException, credentials: Credentials, wanted: Sequence[Access]
    ) -> Unreachable:
        self._tell("the access controller failed, so nobody gets in by it", error, credentials)
        return Unreachable(wanted, f"the access controller {self._name} failed: {type(error).__name__}")

    def _tell(self, what: str, error: BaseException, credentials: Credentials) -> None:
        place = " ".join(_frames(_origin(error).__traceback__))
        failure = f"{what} {type(error).__name__} {place}"
        now = time.monotonic()
        if now - self._told.get(failure, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return
        self._told[failure] = now
        log.error(
            what,
            extra={
                "controller": self._name,
                "failure": type(error).__name__,
                "reason": _message(error, credentials) or self._late(error),
                "at": place,
            },
        )

    def _late(self, error: BaseException) -> str:
        return f"no answer within {self._seconds:g} seconds" if isinstance(error, TimeoutError) else ""


def _checked(grant: object) -> Grant:
    """Raises TypeError. `allows` counts if it says True: a coroutine, which is what an `async def` gives, would be true too."""
    if not isinstance(grant, Grant):
        raise TypeError(f"authorize gave a {type(grant).__name__}, not a Grant")
    whole = isinstance(grant.user, str) and isinstance(grant.groups, frozenset) and callable(grant.allows)
    if not whole or not all(isinstance(group, str) for group in grant.groups):
        raise TypeError("the Grant has a user that is no str, or groups that are no frozenset of str")
    if grant.unlimited:
        return grant
    allows = grant.allows
    return Grant(grant.user, grant.groups, lambda access: allows(access) is True)


def _check_refusal(refused: AccessRefused) -> None:
    """Raises TypeError. What goes on when its time is over is a grant like any other."""
    if isinstance(refused, Challenge) and not (
        refused.offers and all(isinstance(one, Offer) for one in refused.offers)
    ):
        raise TypeError("a Challenge without an Offer, so that no client could come again")
    if isinstance(refused, Throttled) and not isinstance(refused.seconds, int | float):
        raise TypeError("a Throttled whose seconds are no number")
    if isinstance(refused, TokenExpired):
        refused.grant = _checked(refused.grant)


def _origin(error: BaseException) -> BaseException:
    """Of a timeout that which waited."""
    return error.__cause__ if isinstance(error, TimeoutError) and error.__cause__ else error


def _frames(traceback: TracebackType | None) -> Iterator[str]:
    """Below this module, the outermost first."""
    for _ in range(1 + _FRAMES):
        if traceback is None:
            return
        code = traceback.tb_frame.f_code
        if code.co_filename != __file__:
            yield f"{code.co_filename.rpartition('/')[2]}:{traceback.tb_lineno}"
        traceback = traceback.tb_next


def _message(error: BaseException, credentials: Credentials) -> str:
    """One line without anything of the credentials."""
    try:
        text = str(error)[:LONGEST_MESSAGE]
    except Exception:
        return ""
    if Redaction(redaction.of_authorization(credentials.authorization)).repeats(text):
        return "left out, for it repeats something of the credentials"
    return " ".join(text.split())
