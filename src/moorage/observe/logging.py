"""The operator's log: one line per event on stderr, as text (logfmt), JSON or logstash events."""

from __future__ import annotations

import datetime
import json
import logging
import sys
from collections.abc import Mapping
from typing import Any, Final, Literal

Format = Literal["text", "json", "logstash"]

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
    "panic": logging.CRITICAL,
}
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(level: str, form: Format, fields: Mapping[str, Any], *, caller: bool = False) -> None:
    """`fields` are added to every line, `caller` adds the place in the source."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(EventFormatter(form, fields, caller=caller))
    logging.basicConfig(level=LEVELS.get(level, logging.INFO), handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


class EventFormatter(logging.Formatter):
    """What a call gives as `extra` becomes fields of the line."""

    def __init__(self, form: Format, fields: Mapping[str, Any], *, caller: bool) -> None:
        super().__init__()
        self._form = form
        self._fields = dict(fields)
        self._caller = caller

    def format(self, record: logging.LogRecord) -> str:
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        fields = {**self._fields, **extra}
        if self._caller:
            fields["caller"] = f"{record.pathname}:{record.lineno}"
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        level = record.levelname.lower()
        message = record.getMessage()
        if self._form == "text":
            head = [f"time={stamp}", f"level={level}", f"msg={_word(message)}"]
            return " ".join([*head, *(f"{key}={_word(value)}" for key, value in fields.items())])
        if self._form == "logstash":
            event = {"@timestamp": stamp, "@version": "1", "level": level, "message": message, **fields}
        else:
            event = {"time": stamp, "level": level, "msg": message, **fields}
        return json.dumps(event, default=str)


def _word(value: object) -> str:
    """Quoted where a reader of logfmt needs it; control characters never reach the terminal."""
    text = str(value)
    plain = text.isascii() and text.isprintable() and not set(text) & set(' "=')
    return text if plain and text else json.dumps(text)
