"""What the log says of an error that nobody foresaw, while a request full of secrets is handled by somebody else's code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.observe.mailserver import mail_server
from tests.reporting import planting
from tests.reporting.failing import SOURCE, ask, failing_registry
from tests.support.server import running

UNEXPECTED = "unexpected error"
SHOWN = {SOURCE}
"""A traceback shows the source that failed; what is written there is no secret of a client."""


@dataclass(frozen=True)
class Told:
    """The log, one string for each line, and the text of the mail about it."""

    lines: list[str]
    mail: str

    @property
    def unexpected(self) -> list[str]:
        return [line for line in self.lines if UNEXPECTED in line]


@pytest.fixture(scope="module", params=["text", "json"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Of one request, for which a grant raises what has the client's password in its text, its notes and its cause."""
    folder = tmp_path_factory.mktemp("unexpected")
    with mail_server() as mails:
        server = failing_registry(folder, "  bugsnag: {}\n", {"REGISTRY_LOG_FORMATTER": request.param})
        hook = (
            "log:\n  hooks:\n  - type: mail\n    levels: [panic]\n    options:\n"
            f"      smtp: {{addr: '127.0.0.1:{mails.port}'}}\n      from: a@example.com\n      to: [b@example.com]\n"
        )
        config = Path(server.command[-1])
        config.write_text(config.read_text().replace("log:\n", hook, 1))
        with running(server):
            answer = ask(server, planting.HEADERS, planting.BODY.encode(), planting.PLANTED_TARGET)
            (mail,) = mails.wait_for(1)
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert planting.found(answer) == []
        yield Told(server.log.read_text().splitlines(), mail.text)


def test_it_is_one_line_with_the_traceback_and_the_request(told: Told) -> None:
    (line,) = told.unexpected
    assert line.isascii()
    assert "Traceback (most recent call last):\\n" in line
    assert "LookupError: " in line
    assert "RuntimeError: " in line
    assert "planted-request" in line
    assert not [other for other in told.lines if "Traceback" in other and other != line]
    if line.startswith("{"):
        event = json.loads(line)
        assert event["error"].startswith("Traceback (most recent call last):\n")
        assert event["level"] == "error"
        assert event["http.request.id"] == "planted-request"


def test_the_request_is_shown_without_its_secrets(told: Told) -> None:
    """All but the traceback, where an exception says what it wants."""
    (line,) = told.unexpected
    for secret in (planting.BEARER, planting.COOKIE, planting.STATE, planting.QUERY, planting.REFERER):
        assert secret not in line + told.mail
    for secret in (planting.USERINFO, planting.BODY, planting.HEADER, planting.VARIABLE):
        assert secret not in line + told.mail


@pytest.mark.parametrize("where", ["log", "mail"])
def test_no_credentials_are_in_the_text_of_the_error(told: Told, where: str) -> None:
    text = "\n".join(told.lines) if where == "log" else told.mail
    assert UNEXPECTED in text
    assert set(planting.found(text.encode())) <= SHOWN
