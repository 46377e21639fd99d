"""What can go wrong on the way to a certificate."""

from __future__ import annotations


class CertificateError(Exception):
    """There is no certificate. The message is one line that tells the operator why, and what to do.

    `asked`: the authority was asked and refused, which counts against its rate limits.
    `wait`: how many seconds the authority wants to be left alone; 0 if it did not say.
    """

    def __init__(self, text: str, *, asked: bool = False, wait: float = 0.0) -> None:
        super().__init__(one_line(text))
        self.asked = asked
        self.wait = wait


LONGEST_TEXT = 800


def one_line(text: str) -> str:
    """The text without line breaks and control characters, which may come from outside, and of limited length."""
    line = " ".join(text.split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"
