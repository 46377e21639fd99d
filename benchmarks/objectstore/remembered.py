"""What a store answered to questions that change nothing, by question, until a request changes something."""

from __future__ import annotations

from typing import Final

END: Final = b"\r\n\r\n"
QUESTIONS: Final = (b"GET ", b"HEAD ")
CHANGES: Final = (b"PUT ", b"POST ", b"DELETE ")
CONDITIONS: Final = (b"if-", b"range:")
"""The headers on which an answer depends. Signatures and dates are others each time."""

KEPT: Final = frozenset((b"200", b"206", b"304", b"404"))
"""What a store says again if it is asked again."""

WITHOUT_BODY: Final = b"304"


class Answer:
    """An answer on its way; it is remembered when it is whole, unless something was changed after the question."""

    def __init__(self, remembered: Remembered, question: bytes) -> None:
        self._remembered = remembered
        self._changes = remembered.changes
        self._question = question
        self._data = b""

    def add(self, data: bytes) -> None:
        if not self._question:
            return
        self._data += data
        if _whole(self._question, self._data):
            if self._changes == self._remembered.changes and _lasting(self._data):
                self._remembered.answers[self._question] = self._data
            self._question = b""


class Remembered:
    def __init__(self) -> None:
        self.answers: dict[bytes, bytes] = {}
        self.changes = 0

    def get(self, request: bytes) -> bytes | None:
        return self.answers.get(_question(request))

    def asked(self, request: bytes) -> Answer:
        """The store is asked: tell what it answers."""
        if request.startswith(CHANGES):
            self.changes += 1
            self.answers.clear()
        return Answer(self, _question(request))


def _question(request: bytes) -> bytes:
    """What a request asks for; nothing if it is no question."""
    head, end, body = request.partition(END)
    if not (end and not body and head.startswith(QUESTIONS)):
        return b""
    first, *headers = head.split(b"\r\n")
    return b"\r\n".join([first, *(line for line in headers if line.lower().startswith(CONDITIONS))])


def _whole(question: bytes, answer: bytes) -> bool:
    """Not if its end would be told by chunks or by the end of the connection: those are not remembered."""
    head, end, body = answer.partition(END)
    if not end or question.startswith(b"HEAD ") or _status(head) == WITHOUT_BODY:
        return bool(end)
    length = _header(head, b"content-length")
    return bool(length) and len(body) == int(length)


def _lasting(answer: bytes) -> bool:
    head, _, _ = answer.partition(END)
    return _status(head) in KEPT and _header(head, b"connection").lower() != b"close"


def _status(head: bytes) -> bytes:
    return head.split(b" ", 2)[1]


def _header(head: bytes, name: bytes) -> bytes:
    """The value, or nothing."""
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return next((value.strip() for given, _, value in lines if given.lower() == name), b"")
