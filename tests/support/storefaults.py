"""What a store does to those who call it on a bad day, and a seeded plan of how often."""

from __future__ import annotations

import enum
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

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
    """200 with an error as its body, as S3 answers a copy or a completion that fails on the way, or with one for each object
    that was to be removed. Others are spared."""
    SLOW_ANSWER = enum.auto()
    """The store does as it was told, and its answer comes late."""
    LOST_ANSWER = enum.auto()
    """The store does as it was told, and the connection is reset before its answer."""
    TRUNCATED = enum.auto()
    """The answer's head comes whole and its body by half; then the connection ends. Answers to GET and POST only."""
    CUT_OFF = enum.auto()
    """As TRUNCATED, and the connection is reset."""


PART = {Fault.TRUNCATED, Fault.CUT_OFF}
INSTEAD = {Fault.SLOW_DOWN, Fault.INTERNAL_ERROR, Fault.RESET, Fault.SILENCE, Fault.ERROR_IN_200}
ERRORS = {
    Fault.SLOW_DOWN: ("503 Slow Down", "SlowDown", "Please reduce your request rate."),
    Fault.INTERNAL_ERROR: ("500 Internal Server Error", "InternalError", "We encountered an internal error."),
    Fault.ERROR_IN_200: ("200 OK", "InternalError", "We encountered an internal error."),
}
READING = ("GET", "HEAD")
WRITING = ("PUT", "POST", "DELETE")
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True)
class Refusal:
    """What a store answers on purpose to every request with one of `methods`; `status` as on the status line."""

    status: str
    code: str
    methods: tuple[str, ...] = READING + WRITING


class Faults:
    """Of all requests a share of `rate` meets a fault, one of `kinds` that fits it. SILENCE fits those with `silent` methods;
    at most `silences` meet it, the first ones if they are counted: then a run has them whatever the order of its requests.
    The same requests in the same order meet the same faults again."""

    def __init__(
        self,
        rate: float = 0.0,
        kinds: Iterable[Fault] = Fault,
        seed: int = 0,
        slow_seconds: float = 1.0,
        silences: int | None = None,
        silent: tuple[str, ...] = READING + WRITING,
        refusal: Refusal | None = None,
    ) -> None:
        self.rate = rate
        self.kinds = tuple(kinds)
        self.slow_seconds = slow_seconds
        self.refusal = refusal
        self._silences = silences
        self._silent = silent
        self._random = random.Random(seed)

    def draw(self, request: Head) -> Fault | None:
        if self._random.random() >= self.rate:
            return None
        silent = self._silences != 0 and request.start[0] in self._silent and Fault.SILENCE in self.kinds
        if silent and self._silences is not None:
            self._silences -= 1
            return Fault.SILENCE
        fitting = [kind for kind in self.kinds if (silent if kind is Fault.SILENCE else _fits(kind, request))]
        return self._random.choice(fitting) if fitting else None

    def refused(self, request: Head) -> Refusal | None:
        refusal = self.refusal
        return refusal if refusal and request.start[0] in refusal.methods else None


def _fits(kind: Fault, request: Head) -> bool:
    method, target, _ = request.start
    if kind in PART:
        return method in ("GET", "POST")
    if kind is Fault.ERROR_IN_200:
        copies = request.header("x-amz-copy-source") or request.header("x-goog-copy-source")
        return bool(method == "PUT" and copies) or (
            method == "POST" and ("uploadId=" in target or removes(request))
        )
    return True


def removes(request: Head) -> bool:
    """Many objects at once (S3, "DeleteObjects")."""
    method, target, _ = request.start
    return method == "POST" and target.partition("?")[2].split("=")[0] == "delete"


def error_answer(fault: Fault, request: Head, body: bytes = b"") -> bytes:
    """A whole answer to a request with that body (S3, "Error responses"), after which the connection ends."""
    status, code, message = ERRORS[fault]
    if fault is Fault.ERROR_IN_200 and removes(request):
        return _whole(status, _removal_errors(body, code, message), request)
    return _whole(status, _error(code, message), request)


def refusal_answer(refusal: Refusal, request: Head) -> bytes:
    return _whole(refusal.status, _error(refusal.code, "Refused."), request)


def _error(code: str, message: str) -> str:
    return f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>injected</RequestId></Error>"


def _removal_errors(body: bytes, code: str, message: str) -> str:
    keys = re.findall(r"<Key>(.*?)</Key>", body.decode())
    errors = "".join(
        f"<Error><Key>{key}</Key><Code>{code}</Code><Message>{message}</Message></Error>" for key in keys
    )
    return f'<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{errors}</DeleteResult>'


def _whole(status: str, body: str, request: Head) -> bytes:
    text = XML + body
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(text.encode())}\r\n"
    return f"{head}Connection: close\r\n\r\n{'' if request.start[0] == 'HEAD' else text}".encode()
