"""The operator's log: one line per event, as text (logfmt), JSON or logstash events, with the fields of the request it is about."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, Final, Literal

from moorage.observe import context, files, journal, outputs, traces

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
_HEADS: Final[dict[Format, tuple[str, str, str]]] = {
    "text": ("time", "level", "msg"),
    "json": ("time", "level", "msg"),
    "logstash": ("@timestamp", "level", "message"),
}
_TAKEN: Final = {form: {*head, "func", "file", "@version"} for form, head in _HEADS.items()}
_NO_NAME: Final = re.compile(r"[^\w.@/-]", re.ASCII)
_BARE: Final = re.compile(r"[!#-<>-~]+")
_ENCODER: Final = json.JSONEncoder(default=str)


def configure(
    level: str,
    form: Format,
    fields: Mapping[str, Any],
    *,
    caller: bool = False,
    output: str = "stderr",
    waits: bool = False,
    also: Sequence[logging.Handler] = (),
) -> None:
    """Set up the root logger. Raises OSError for a file that cannot be opened.

    `fields` are added to every line, and `caller` adds the place in the source. `output` is `stderr`, `stdout` or a path.
    If it `waits`, writing takes as long as its reader does. `also` are further handlers.
    """
    lines = LineHandler(
        EventFormatter(form, fields, caller=caller),
        outputs.output(output, waits=waits),
        priorities=outputs.in_journal(output),
    )
    logging.basicConfig(level=LEVELS.get(level, logging.INFO), handlers=[lines, *also], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


class LineHandler(logging.Handler):
    """Writes each event as a line, with its priority in front if the journal of systemd reads it. Logging never raises, whatever is wrong
    with the event or the output."""

    def __init__(self, formatter: EventFormatter, output: files.Output, *, priorities: bool = False) -> None:
        super().__init__()
        self._formatter = formatter
        self._output = output
        self._priorities = priorities

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self._formatter.format(record)
        except Exception as error:
            fields = {"template": str(record.msg), "reason": type(error).__name__}
            line = self._formatter.line(record.created, "error", "an event could not be formatted", fields)
        if self._priorities:
            line = journal.priority(record.levelno) + line
        self._output.write(line.encode("utf-8", "replace") + b"\n")


class EventFormatter(logging.Formatter):
    """Formats events as lines. What a call passes as `extra` becomes fields of the line."""

    def __init__(self, form: Format, fields: Mapping[str, Any], *, caller: bool = False) -> None:
        super().__init__()
        self._form = form
        self._taken = _TAKEN[form]
        self.always = {self._free(str(key)): value for key, value in fields.items()}
        self._caller = caller

    def format(self, record: logging.LogRecord) -> str:
        return self.line(record.created, named(record), record.getMessage(), self.fields(record))

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """The fields of this event and its request, without those that are on every line."""
        found: dict[str, Any] = {}
        if self._caller:
            found = {
                "func": f"{record.module}.{record.funcName}",
                "file": f"{record.pathname}:{record.lineno}",
            }
        for key, value in vars(record).items():
            if key not in _STANDARD:
                found[self._free(key)] = value
        if record.exc_info and record.exc_info[0] is not None:
            found["error"] = traces.formatted(record.exc_info, context.redaction())
        return found | context.fields()

    def line(self, moment: float, level: str, message: str, fields: Mapping[str, Any]) -> str:
        """A line without its newline. Control characters are escaped."""
        time, level_name, message_name = _HEADS[self._form]
        event = {time: context.stamp(moment), level_name: level, message_name: message, **fields}
        for key, value in self.always.items():
            event.setdefault(key, value)
        if self._form == "text":
            return " ".join([f"{_name(key)}={_word(value)}" for key, value in event.items()])
        if self._form == "logstash":
            event["@version"] = "1"
        return _ENCODER.encode(event)

    def _free(self, name: str) -> str:
        """The name of a field, prefixed if the line itself uses it, as in the reference implementation."""
        return f"fields.{name}" if name in self._taken else name


def named(record: logging.LogRecord) -> str:
    """The level's name in the reference implementation."""
    return "fatal" if record.levelno >= logging.CRITICAL else record.levelname.lower()


@lru_cache(maxsize=256)
def _name(key: str) -> str:
    return _NO_NAME.sub("_", key)


def _word(value: object) -> str:
    """A value, quoted where logfmt requires it."""
    if not isinstance(value, str):
        value = _ENCODER.encode(value) if isinstance(value, dict | list | bool) else str(value)
    return value if _BARE.fullmatch(value) else encode_basestring_ascii(value)
