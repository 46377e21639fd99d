"""`log`: where lines go, and mail hooks that can send."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from moorage.config.sections.log import Hook, Log
from tests.config.conftest import Refuse

OPTIONS = {"smtp": {"addr": "mail.example.com:25"}, "from": "registry@example.com", "to": ["ops@example.com"]}


@pytest.mark.parametrize("place", ["stdout", "stderr", "/var/log/registry.log", "./registry.log"])
def test_lines_go_to_a_stream_or_a_file(place: str) -> None:
    log = Log.model_validate({"output": place, "accesslog": {"output": place}})
    assert log.output == log.accesslog.output == place


@pytest.mark.parametrize("place", ["", "sdtout", "registry.log"])
def test_a_slip_of_the_pen_makes_no_file(place: str) -> None:
    with pytest.raises(ValidationError, match="stdout, stderr, or the path"):
        Log(output=place)


@pytest.mark.parametrize(
    "level", ["panic", "fatal", "error", "warn", "warning", "info", "debug", "Panic", "ERROR"]
)
def test_a_hook_takes_the_levels_of_the_reference(level: str) -> None:
    hook = Hook.model_validate({"levels": [level], "options": OPTIONS})
    assert hook.levels == [level.lower()]


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        ("levels", "log: {hooks: [{options: {smtp: {addr: 'h:25'}, from: a@h, to: [b@h]}}]}"),
        ("options.smtp.addr", "log: {hooks: [{levels: [error], options: {from: a@h, to: [b@h]}}]}"),
        ("options.from", "log: {hooks: [{levels: [error], options: {smtp: {addr: 'h:25'}, to: [b@h]}}]}"),
        ("options.to", "log: {hooks: [{levels: [error], options: {smtp: {addr: 'h:25'}, from: a@h}}]}"),
    ],
)
def test_a_hook_that_could_not_send_is_refused(refused: Refuse, missing: str, text: str) -> None:
    (problem,) = refused(text).problems
    assert problem.path == "log.hooks[0]"
    assert f"lacks {missing};" in problem.message


def test_a_hook_that_is_switched_off_needs_nothing() -> None:
    assert Hook(disabled=True).levels == []


@pytest.mark.parametrize("address", ["", " ", "a@h\r\nBcc: c@h"])
def test_an_address_is_one_line(address: str) -> None:
    with pytest.raises(ValidationError, match="must be an address"):
        Hook.model_validate({"levels": ["error"], "options": {**OPTIONS, "to": [address]}})


@pytest.mark.parametrize("key", ["username", "password"])
def test_what_cannot_be_said_to_a_mail_server_is_refused_and_not_shown(refused: Refuse, key: str) -> None:
    smtp = f"{{addr: 'h:25', {key}: hünter2}}"
    text = f"log: {{hooks: [{{levels: [error], options: {{smtp: {smtp}, from: a@h, to: [b@h]}}}}]}}"
    (problem,) = refused(text).problems
    assert problem.path == f"log.hooks[0].options.smtp.{key}"
    assert "outside of ASCII" in problem.message
    assert key == "username" or "hünter2" not in problem.message
