"""What a store answered to questions that change nothing, by question, until a request changes something."""

from __future__ import annotations

from typing import Final

END: Final = b"\r\n\r\n"
QUESTIONS: Final = (b"GET ", b"HEAD ")
CHANGES: Final = (b"PUT ", b"POST ", b"DELETE ")
CONDITIONS: Final = (b"if-", b"range:")
"""The headers on which an answer depends. Signatures and dates are others each time."""

WITHOUT_BODY: Final = (b"204", b"304")


class Answer:
    """An answer on its way; it is remembered when it is whole."""

    def __init__(self, remembered: Remembered, question: bytes) -> None:
        self._remembered = remembered
        self._question = question
        self._data = b""

    def add(self, data: bytes) -> None:
        if self._question:
            self._data += data
            if _whole(self._question, self._data):
                self._remembered.answers[self._question] = self._data
                self._question = b""


class Remembered:
    def __init__(self) -> None:
        self.answers: dict[bytes, bytes] = {}

    def get(self, request: bytes) -> bytes | None:
        return self.answers.get(_question(request))

    def asked(self, request: bytes) -> Answer:
        """The store is asked: tell what it answers."""
        if request.startswith(CHANGES):
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
    status, *headers = head.split(b"\r\n")
    if not end or question.startswith(b"HEAD ") or status.split()[1] in WITHOUT_BODY:
        return bool(end)
    lengths = [
        value
        for name, _, value in (line.partition(b":") for line in headers)
        if name.lower() == b"content-length"
    ]
    return bool(lengths) and len(body) == int(lengths[0])
