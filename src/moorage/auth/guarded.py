"""A wrapper for controllers of other packages, so that every failure of theirs refuses access."""

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
"""The time limit of one answer."""
AGAIN_SECONDS: Final = 60.0
"""How long the same failure is not logged again."""
LONGEST_MESSAGE: Final = 200
_FRAMES: Final = 8


class Guarded:
    """Turns everything that is neither a grant nor a refusal, or that does not come in time, into Unreachable. `name`: what the
    log calls the controller."""

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
            # For the log, like the text of a failure.
            refused.args = (_message(refused, credentials),)
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # The controller awaited something that was cancelled; the request itself was not.
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
    """Raises TypeError. `allows` must return True itself: the coroutine of an `async def` would be true as well."""
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
    """Raises TypeError. Checks the grant of an expired token like any other, as uploads may go on with it."""
    if isinstance(refused, Challenge) and not (
        refused.offers and all(isinstance(one, Offer) for one in refused.offers)
    ):
        raise TypeError("a Challenge without an Offer, so that no client could come again")
    if isinstance(refused, Throttled) and not isinstance(refused.seconds, int | float):
        raise TypeError("a Throttled whose seconds are no number")
    if isinstance(refused, TokenExpired):
        refused.grant = _checked(refused.grant)


def _origin(error: BaseException) -> BaseException:
    """The cause of a timeout, whose traceback shows what was awaited; any other error itself."""
    return error.__cause__ if isinstance(error, TimeoutError) and error.__cause__ else error


def _frames(traceback: TracebackType | None) -> Iterator[str]:
    """The frames below this module, the outermost first."""
    for _ in range(1 + _FRAMES):
        if traceback is None:
            return
        code = traceback.tb_frame.f_code
        if code.co_filename != __file__:
            yield f"{code.co_filename.rpartition('/')[2]}:{traceback.tb_lineno}"
        traceback = traceback.tb_next


def _message(error: BaseException, credentials: Credentials) -> str:
    """The message of an error on one line, left out if it repeats anything of the credentials."""
    try:
        text = str(error)[:LONGEST_MESSAGE]
    except Exception:
        return ""
    if Redaction(redaction.of_authorization(credentials.authorization)).repeats(text):
        return "left out, for it repeats something of the credentials"
    return " ".join(text.split())
