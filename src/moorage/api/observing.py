"""What watches requests: the access log, metrics, traces. It neither changes them nor waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from moorage.api.answer import Answer
    from moorage.api.exchange import Exchange


class Outcome(NamedTuple):
    """`status`: 499 where the client was gone. `sent`: bytes of body. `answer`: None where none was begun."""

    status: int
    sent: int
    seconds: float
    answer: Answer | None


class Observer(Protocol):
    """Called in the task of the request, in which context variables may be set. Must not raise."""

    def begun(self, exchange: Exchange) -> None: ...

    def ended(self, exchange: Exchange, outcome: Outcome) -> None: ...
