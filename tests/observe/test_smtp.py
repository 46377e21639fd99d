"""Mail goes out encrypted where that can be, and a password over nothing that others can read."""

from __future__ import annotations

import smtplib
import ssl
from pathlib import Path

import pytest

from moorage.observe import smtp
from moorage.observe.smtp import Postbox, Unencrypted
from tests.observe.mailserver import PLAIN_AUTH, mail_server, server_context, silent_server
from tests.server.issuing import Authority

AUTHORITY = Authority()
PASSWORD = "hunter2"


def postbox(port: int, *, host: str = "127.0.0.1", password: str = "", insecure: bool = False) -> Postbox:
    return Postbox(
        host, port, "Registry <registry@example.com>", ["a@example.com", "b@example.com"],
        username="mailuser" if password else "", password=password, insecure=insecure,
    )  # fmt: skip


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """AUTHORITY is one that this machine trusts."""
    (tmp_path / "ca.pem").write_bytes(AUTHORITY.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return tmp_path


def test_a_mail_has_what_programs_and_people_need() -> None:
    with mail_server() as server:
        postbox(server.port).send("[error] host: störage", "one\n.\ntwo \u2013 end\n" + "x" * 2_000)
    (mail,) = server.mails
    assert mail.sender == "registry@example.com"
    assert mail.receivers == ["a@example.com", "b@example.com"]
    assert mail.subject == "[error] host: störage"
    assert mail.text.splitlines() == ["one", ".", "two \u2013 end", "x" * 2_000]
    assert str(mail.message["To"]) == "a@example.com, b@example.com"
    assert mail.message["Date"]
    assert mail.message["Message-ID"]
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert not mail.encrypted


def test_what_a_server_offers_is_encrypted_and_signed_in_to(trusted: Path) -> None:
    with mail_server(tls=server_context(AUTHORITY, trusted), password=PASSWORD) as server:
        postbox(server.port, password=PASSWORD).send("subject", "text")
    (mail,) = server.mails
    assert mail.encrypted
    assert mail.user == "mailuser"


def test_a_certificate_that_nobody_trusts_gets_neither_mail_nor_password(tmp_path: Path) -> None:
    context = server_context(AUTHORITY, tmp_path)
    with mail_server(tls=context, password=PASSWORD) as server, pytest.raises(ssl.SSLCertVerificationError):
        postbox(server.port, password=PASSWORD).send("subject", "text")
    assert server.mails == []
    assert server.signed_in == []


def test_any_certificate_will_do_where_that_is_configured(tmp_path: Path) -> None:
    with mail_server(tls=server_context(AUTHORITY, tmp_path), password=PASSWORD) as server:
        postbox(server.port, password=PASSWORD, insecure=True).send("subject", "text")
    assert server.mails[0].encrypted


# 0.0.0.0 is this machine, and does not look like it.
@pytest.mark.filterwarnings(f"ignore:{PLAIN_AUTH}")
@pytest.mark.parametrize(
    ("host", "insecure", "sent"),
    [
        ("0.0.0.0", False, False),
        ("0.0.0.0", True, True),
        ("127.0.0.1", False, True),
        ("localhost", False, True),
    ],
)
def test_a_password_goes_unencrypted_to_this_machine_only(host: str, insecure: bool, sent: bool) -> None:
    with mail_server(password=PASSWORD, plain_auth=True) as server:
        box = postbox(server.port, host=host, password=PASSWORD, insecure=insecure)
        if sent:
            box.send("subject", "text")
        else:
            with pytest.raises(Unencrypted):
                box.send("subject", "text")
    assert server.signed_in == ([("mailuser", PASSWORD)] if sent else [])


@pytest.mark.filterwarnings(f"ignore:{PLAIN_AUTH}")
def test_a_wrong_password_is_an_error_without_it() -> None:
    with (
        mail_server(password=PASSWORD, plain_auth=True) as server,
        pytest.raises(smtplib.SMTPException) as raised,
    ):
        postbox(server.port, password="wrong-one").send("subject", "text")
    assert "wrong-one" not in str(raised.value)
    assert "wrong-one" not in repr(postbox(1, password="wrong-one"))


def test_a_subject_cannot_become_a_header() -> None:
    with mail_server() as server, pytest.raises(ValueError, match=r"newline|linefeed"):
        postbox(server.port).send("subject\r\nBcc: c@example.com", "text")
    assert server.mails == []


def test_a_server_that_says_nothing_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SECONDS", 0.2)
    with silent_server() as (port, _), pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        postbox(port).send("subject", "text")
