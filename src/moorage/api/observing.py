"""The interface of what watches requests: the access log, metrics, traces. Observers neither change requests nor wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from moorage.api.answer import Answer
    from moorage.api.exchange import Exchange


class Outcome(NamedTuple):
    """How a request ended. `status`: 499 if the client had gone. `sent`: bytes of the body. `answer`: None if there was none."""

    status: int
    sent: int
    seconds: float
    answer: Answer | None


class Observer(Protocol):
    """Notified in the task of the request, so it may set context variables. Must not raise."""

    def begun(self, exchange: Exchange) -> None: ...

    def ended(self, exchange: Exchange, outcome: Outcome) -> None: ...
