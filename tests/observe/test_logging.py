"""The operator's log: lines that programs can read, whatever is in them."""

from __future__ import annotations

import json
import logging
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.observe.logging import EventFormatter, Format


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
    assert "caller=/src/x.py:7" in formatted("text", "x", caller=True)
    assert "caller" not in formatted("text", "x")
