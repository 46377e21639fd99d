"""Events that wait for the next mail. Of each kind, that is, level and message, the first event and the count are kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from moorage.observe import context
from moorage.observe.logging import named

MOST_KINDS: Final = 20
LONGEST_VALUE: Final = 8192
LONGEST_SUBJECT: Final = 150

Fields: TypeAlias = Callable[[logging.LogRecord], dict[str, Any]]


@dataclass
class Kind:
    """Events with the same level and message. `text`: the fields of the first event, one per line."""

    level: str
    message: str
    rank: int
    moment: float
    text: str
    count: int = 1

    def __str__(self) -> str:
        often = f" ({self.count} times since then, the first one is shown)" if self.count > 1 else ""
        return f"{context.stamp(self.moment)} {self.level}: {_line(self.message)}{often}\n{self.text}"


class Gathered:
    """Gathered events, of at most MOST_KINDS kinds. `_more` counts the events of kinds beyond that."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._more = 0

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def add(self, record: logging.LogRecord, fields: Fields) -> None:
        """Add an event. `fields` is called for the first event of a kind only."""
        level, message = named(record), record.getMessage()
        known = self._kinds.get((level, message))
        if known is not None or len(self._kinds) >= MOST_KINDS:
            self._count(known, 1)
            return
        text = "".join(f"  {name}: {_shown(value)}\n" for name, value in fields(record).items())
        self._kinds[level, message] = Kind(level, message, record.levelno, record.created, text)

    def __iadd__(self, later: Gathered) -> Gathered:
        self._more += later._more
        for key, kind in later._kinds.items():
            known = self._kinds.get(key)
            if known is not None or len(self._kinds) >= MOST_KINDS:
                self._count(known, kind.count)
            else:
                self._kinds[key] = kind
        return self

    def _count(self, known: Kind | None, events: int) -> None:
        if known is None:
            self._more += events
        else:
            known.count += events

    def subject(self, host: str) -> str:
        """The worst event, in one line."""
        worst = max(self._kinds.values(), key=lambda kind: kind.rank)
        others = sum(kind.count for kind in self._kinds.values()) + self._more - 1
        text = f"[{worst.level}] {host}: {_line(worst.message)}"[:LONGEST_SUBJECT]
        return f"{text} (and {others} more)" if others else text

    def text(self, origin: str) -> str:
        """The text of the mail: `origin` in a line, then all kinds."""
        more = [f"{self._more} events of other kinds are in the log only.\n"] if self._more else []
        return "\n".join([f"{_line(origin)}\n", *map(str, self._kinds.values()), *more])


def _line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _shown(value: object) -> str:
    """The value with its further lines indented and without control characters."""
    lines = str(value)[:LONGEST_VALUE].splitlines() or [""]
    return "\n    ".join(map(_line, lines))
