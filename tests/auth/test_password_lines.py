"""`moorage htpasswd` prints no line with which nobody could sign in."""

from __future__ import annotations

import base64

import pytest

from moorage.auth import basic
from moorage.auth.passwords import parse
from moorage.cli.passwords import htpasswd


@pytest.mark.parametrize("password", ["s3cret\r", "tab\there", "esc\x1b[A", "\x7f", "next\x85line"])
def test_a_password_that_no_client_could_send_is_refused(
    password: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="control characters"):
        basic.parse("Basic " + base64.b64encode(f"ann:{password}".encode()).decode())
    with pytest.raises(SystemExit):
        htpasswd("ann", password, 5)
    told = capsys.readouterr()
    assert told.out == ""
    assert "control characters" in told.err
    assert password not in told.err


@pytest.mark.parametrize("password", ["pass word", "pässwörd", "non\u00a0breaking", "\U0001f510", "a:b"])
def test_with_any_other_password_its_user_can_sign_in(
    password: str, capsys: pytest.CaptureFixture[str]
) -> None:
    htpasswd("ann", password, 5)
    login = basic.parse("Basic " + base64.b64encode(f"ann:{password}".encode()).decode())
    assert login is not None
    assert parse(capsys.readouterr().out.encode()).check(login.user, login.password)
