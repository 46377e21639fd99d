"""What a store does to those who call it on a bad day, and a seeded plan of how often."""

from __future__ import annotations

import enum
import random
from collections.abc import Iterable

from tests.support.heads import Head


class Fault(enum.Enum):
    """Unless it says otherwise, the store never hears of the request."""

    SLOW_DOWN = enum.auto()
    """503 with the code SlowDown."""
    INTERNAL_ERROR = enum.auto()
    """500 with the code InternalError."""
    RESET = enum.auto()
    """The connection is reset when the head of the request was read."""
    SILENCE = enum.auto()
    """The request is taken, and nothing comes until the client gives up."""
    ERROR_IN_200 = enum.auto()
    """200 with an error as its body, as S3 answers a copy or a completion that fails on the way. Others are spared."""
    SLOW_ANSWER = enum.auto()
    """The store does as it was told, and its answer comes late."""
    LOST_ANSWER = enum.auto()
    """The store does as it was told, and the connection is reset before its answer."""
    TRUNCATED = enum.auto()
    """The answer's head comes whole and its body by half; then the connection ends. Answers to GET and POST only."""


INSTEAD = {Fault.SLOW_DOWN, Fault.INTERNAL_ERROR, Fault.RESET, Fault.SILENCE, Fault.ERROR_IN_200}
ERRORS = {
    Fault.SLOW_DOWN: ("503 Slow Down", "SlowDown", "Please reduce your request rate."),
    Fault.INTERNAL_ERROR: ("500 Internal Server Error", "InternalError", "We encountered an internal error."),
    Fault.ERROR_IN_200: ("200 OK", "InternalError", "We encountered an internal error."),
}


class Faults:
    """Of all requests a share of `rate` meets a fault, one of `kinds` that fits it. The same requests in the same
    order meet the same faults again."""

    def __init__(
        self, rate: float = 0.0, kinds: Iterable[Fault] = Fault, seed: int = 0, slow_seconds: float = 1.0
    ) -> None:
        self.rate = rate
        self.kinds = tuple(kinds)
        self.slow_seconds = slow_seconds
        self._random = random.Random(seed)

    def draw(self, request: Head) -> Fault | None:
        fitting = [kind for kind in self.kinds if _fits(kind, request)]
        hit = self._random.random() < self.rate
        return self._random.choice(fitting) if hit and fitting else None


def _fits(kind: Fault, request: Head) -> bool:
    method, target, _ = request.start
    if kind is Fault.TRUNCATED:
        return method in ("GET", "POST")
    if kind is Fault.ERROR_IN_200:
        copies = request.header("x-amz-copy-source") or request.header("x-goog-copy-source")
        return bool(method == "PUT" and copies) or (method == "POST" and "uploadId=" in target)
    return True


def error_answer(fault: Fault, method: str) -> bytes:
    """A whole answer (S3, "Error responses"), after which the connection ends."""
    status, code, message = ERRORS[fault]
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>injected</RequestId></Error>"
    )
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n{'' if method == 'HEAD' else body}".encode()
