"""The operator's log: lines that programs can read, whatever is in them."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.observe.files import Output, open_file
from moorage.observe.logging import EventFormatter, Format, LineHandler


def formatted(form: Format, message: str, *, caller: bool = False, **extra: Any) -> str:
    record = logging.LogRecord("moorage.x", logging.WARNING, "/src/x.py", 7, message, (), None)
    vars(record).update(extra)
    return EventFormatter(form, {"environment": "test"}, caller=caller).format(record)


def test_text_is_logfmt() -> None:
    line = formatted("text", "blob is damaged", digest="sha256:00", size=7)
    words = dict(word.split("=", 1) for word in shlex.split(line))
    assert words["level"] == "warning"
    assert words["msg"] == "blob is damaged"
    assert (words["digest"], words["size"], words["environment"]) == ("sha256:00", "7", "test")


@pytest.mark.parametrize(
    ("form", "moment", "message"), [("json", "time", "msg"), ("logstash", "@timestamp", "message")]
)
def test_events_are_json(form: Format, moment: str, message: str) -> None:
    event = json.loads(formatted(form, "words", size=7, odd=object))
    assert event[message] == "words"
    assert event[moment].endswith("Z")
    assert event["size"] == 7


@given(message=st.text(max_size=20), value=st.text(max_size=20))
def test_a_line_is_one_line_without_control_characters(message: str, value: str) -> None:
    for form in ("text", "json", "logstash"):
        line = formatted(form, message.replace("%", ""), value=value)
        assert line.isprintable()
        assert line.isascii()


def test_the_place_in_the_source_is_told_on_demand() -> None:
    event = json.loads(formatted("json", "x", caller=True))
    assert event["file"] == "/src/x.py:7"
    assert event["func"].startswith("x.")
    assert "/src/x.py" not in formatted("text", "x")


@pytest.mark.parametrize("form", ["text", "json", "logstash"])
def test_nobody_can_stand_in_for_the_words_of_the_line_itself(form: Format) -> None:
    """Renamed as by the reference implementation."""
    formatter = EventFormatter(
        form, {"level": "calm", "msg": "1", "message": "2", "@version": "3", "environment": "test"}
    )
    record = logging.LogRecord("moorage.x", logging.ERROR, "/src/x.py", 7, "words", (), None)
    vars(record)["time"] = "never"
    line = formatter.format(record)
    event = dict(word.split("=", 1) for word in shlex.split(line)) if form == "text" else json.loads(line)
    assert (event["level"], event["fields.level"], event["environment"]) == ("error", "calm", "test")
    if form == "logstash":
        assert (event["message"], event["fields.message"], event["@version"]) == ("words", "2", "1")
    else:
        assert (event["msg"], event["fields.msg"], event["fields.time"]) == ("words", "1", "never")


@pytest.mark.parametrize(
    ("level", "name"),
    [(logging.DEBUG, "debug"), (logging.INFO, "info"), (logging.WARNING, "warning"), (logging.ERROR, "error"), (logging.CRITICAL, "fatal")],
)  # fmt: skip
def test_levels_are_called_as_by_the_reference(level: int, name: str) -> None:
    record = logging.LogRecord("moorage.x", level, "/src/x.py", 7, "words", (), None)
    assert f"level={name} " in EventFormatter("text", {}).format(record)


def test_a_traceback_is_a_field_of_its_line() -> None:
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError:
        record = logging.LogRecord("moorage.x", logging.ERROR, "/src/x.py", 7, "words", (), sys.exc_info())
    for form in ("text", "json"):
        line = EventFormatter(form, {}).format(record)
        assert "\n" not in line
    assert json.loads(line)["error"].splitlines()[-2:] == ["RuntimeError: first", "second"]


def test_values_of_the_configuration_may_be_anything() -> None:
    formatter = EventFormatter("text", {"a b": {"c": [1, None]}, "yes": True, "none": None, "empty": ""})
    record = logging.LogRecord("moorage.x", logging.INFO, "/src/x.py", 7, "words", (), None)
    words = dict(word.split("=", 1) for word in shlex.split(formatter.format(record)))
    assert json.loads(words["a_b"]) == {"c": [1, None]}
    assert (words["yes"], words["none"], words["empty"]) == ("true", "None", "")


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError


def test_what_cannot_be_formatted_is_a_line_too(tmp_path: Path) -> None:
    path = tmp_path / "log"
    handler = LineHandler(EventFormatter("json", {}), Output(str(path), open_file(str(path))))
    for message, more in (("%d blobs", ("many",)), ("words", ())):
        record = logging.LogRecord("moorage.x", logging.INFO, "/src/x.py", 7, message, more, None)
        vars(record)["odd"] = Unspeakable()
        handler.handle(record)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["msg"] for line in lines] == ["an event could not be formatted"] * 2
    assert [line["template"] for line in lines] == ["%d blobs", "words"]
