"""Mail about what is logged: gathered, never in the way, never about itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from moorage.observe import context, mail
from moorage.observe.gathered import MOST_KINDS
from moorage.observe.logging import EventFormatter
from moorage.observe.mail import MailHandler
from moorage.observe.smtp import Postbox
from tests.observe.mailserver import PLAIN_AUTH, mail_server, silent_server
from tests.observe.test_context import SECRET, address, request
from tests.support.ports import free_port
from tests.support.starving import no_threads

log = logging.getLogger("moorage.of-this-test")


@pytest.fixture
def only_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent before `close`, which waits for it however long it takes."""
    monkeypatch.setattr(mail, "GATHER_SECONDS", 60.0)
    monkeypatch.setattr(mail, "CLOSE_SECONDS", 60.0)


@contextmanager
def at_once(handler: MailHandler) -> Iterator[None]:
    """Nothing is sent before the end of the block, so that all that is logged in it is one mail."""
    with handler._changed:
        yield


@contextmanager
def mailing(port: int, *levels: str, interval: float = 0.2) -> Iterator[MailHandler]:
    postbox = Postbox("127.0.0.1", port, "registry@example.com", ["ops@example.com"])
    formatter = EventFormatter("text", {"service": "registry"})
    handler = MailHandler(levels or ("error",), formatter, postbox.send, "host.example", interval)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        handler.close()


def test_a_mail_tells_what_was_logged_and_of_which_request() -> None:
    with mail_server() as server, mailing(server.port):
        context.begin(request("/v2/a/manifests/b", f"token={SECRET}".encode(), "a", "b"), address)
        log.error("storage failed", extra={"reason": "first\nsecond\x1b[31m"})
        context.end()
        (told,) = server.wait_for(1)
    assert told.subject == "[error] host.example: storage failed"
    first, rest = told.text.split("\n", 1)
    assert first.startswith("moorage on host.example, process ")
    assert first.endswith(", service=registry")
    assert " error: storage failed\n  reason: first\n    second [31m\n" in rest
    assert "  http.request.uri: /v2/a/manifests/b?***\n" in rest
    assert "  vars.name: a\n" in rest
    assert SECRET not in str(told.message)


def test_a_storm_is_a_mail_that_says_so() -> None:
    with mail_server() as server, mailing(server.port, interval=60) as handler:
        with at_once(handler):
            for number in range(1_000):
                log.error("storage failed", extra={"number": number})
            log.error("another thing")
        (told,) = server.wait_for(1)
    assert told.subject == "[error] host.example: storage failed (and 1000 more)"
    assert "storage failed (1000 times since then, the first one is shown)\n  number: 0\n" in told.text
    assert "another thing\n" in told.text


def test_kinds_are_bounded_and_what_is_left_out_is_counted() -> None:
    with mail_server() as server, mailing(server.port) as handler:
        with at_once(handler):
            for number in range(MOST_KINDS + 7):
                log.error(f"kind {number}")
        (told,) = server.wait_for(1)
    assert f"kind {MOST_KINDS - 1}\n" in told.text
    assert f"kind {MOST_KINDS}\n" not in told.text
    assert "\n7 events of other kinds are in the log only.\n" in told.text


def test_the_worst_is_the_subject() -> None:
    with mail_server() as server, mailing(server.port, "warn", "error") as handler:
        with at_once(handler):
            log.warning("mild")
            log.error("bad\r\nBcc: all@example.com")
        (told,) = server.wait_for(1)
    assert told.subject == "[error] host.example: bad  Bcc: all@example.com (and 1 more)"
    assert told.receivers == ["ops@example.com"]


def log_all() -> None:
    log.info("info")
    log.warning("warning")
    log.error("error")
    log.critical("critical")
    try:
        raise RuntimeError("unforeseen")
    except RuntimeError:
        log.exception("traceback")


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("warn", {"warning"}),
        ("error", {"error", "traceback"}),
        ("fatal", {"critical"}),
        ("panic", {"critical", "traceback"}),
    ],
)
def test_a_level_is_mailed_and_no_other(level: str, expected: set[str]) -> None:
    with mail_server() as server, mailing(server.port, level) as handler:
        with at_once(handler):
            log_all()
        (told,) = server.wait_for(1)
    words = {"info", "warning", "error", "critical", "traceback"}
    assert {word for word in words if f": {word}\n" in told.text} == expected
    assert ("RuntimeError: unforeseen" in told.text) == ("traceback" in expected)


def test_what_is_logged_later_is_another_mail() -> None:
    with mail_server() as server, mailing(server.port):
        for number in range(3):
            log.error("number %d", number)
            server.wait_for(number + 1)
    assert [told.subject[-8:] for told in server.mails] == ["number 0", "number 1", "number 2"]


def test_a_server_that_is_away_is_told_once_and_gets_all_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    with mailing(port, "warn", "error") as handler:
        log.error("first")
        log.error("second")
        while handler.failures < 3:
            threading.Event().wait(0.05)
        with mail_server(port) as server:
            (told,) = server.wait_for(1)
    assert " error: first\n" in told.text
    assert " error: second\n" in told.text
    # Nothing about the mail itself.
    assert told.subject == "[error] host.example: first (and 1 more)"
    ours = [record for record in caplog.records if record.name == mail.__name__]
    assert [record.getMessage() for record in ours] == [
        "mail about the log cannot be sent, it is tried again",
        "mail about the log is sent again",
    ]
    assert "ConnectionRefusedError" in vars(ours[0])["reason"]
    assert vars(ours[1])["failures"] == handler.failures


@pytest.mark.filterwarnings(f"ignore:{PLAIN_AUTH}")
@pytest.mark.usefixtures("only_at_the_end")
def test_a_server_that_refuses_is_told_of_without_the_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with mail_server(password="right", plain_auth=True) as server:
        postbox = Postbox("127.0.0.1", server.port, "a@h", ["b@h"], username="mailuser", password=SECRET)
        handler = MailHandler(["error"], EventFormatter("text", {}), postbox.send, "host.example", 60)
        log.addHandler(handler)
        log.error("first")
        handler.close()
        log.removeHandler(handler)
    assert server.mails == []
    assert handler.failures == 1
    (told,) = [record for record in caplog.records if record.name == mail.__name__]
    assert "535" in vars(told)["reason"]
    assert SECRET not in str(vars(told))


def test_nobody_waits_for_a_server_that_hangs() -> None:
    with silent_server() as (port, connected):
        postbox = Postbox("127.0.0.1", port, "a@h", ["b@h"])
        handler = MailHandler(["error"], EventFormatter("text", {}), postbox.send, "host.example", 0.1)
        log.addHandler(handler)
        log.error("first")
        assert connected.wait(30)
        for _ in range(1_000):
            log.error("second")
        log.removeHandler(handler)
        thread = handler._thread
        handler.close()
        assert thread is not None
        assert thread.is_alive(), "the end waited until the server was given up on"
    thread.join(30)
    assert not thread.is_alive(), "it goes on after the end"


@pytest.mark.usefixtures("only_at_the_end")
def test_what_waits_is_sent_at_the_end() -> None:
    with mail_server() as server:
        with mailing(server.port, interval=60):
            log.error("first")
        assert [told.subject for told in server.mails] == ["[error] host.example: first"]
        with mailing(server.port, interval=60) as handler:
            log.error("second")
            handler.close()
            # Others' configuration of logging closes all handlers, and they are used again.
            log.error("third")
        assert len(server.mails) == 3


def test_mail_is_sent_once_a_thread_can_be_started() -> None:
    with mail_server() as server, mailing(server.port) as handler:
        with no_threads():
            log.error("first")
            handler.close()
        assert handler.failures == 1
        log.error("second")
        (told,) = server.wait_for(1)
    assert told.subject == "[error] host.example: first (and 1 more)"
    assert " error: second\n" in told.text


def test_what_cannot_be_formatted_fails_nobody() -> None:
    # By no handler but this one: the one of the tests raises.
    alone = logging.Logger("moorage.of-this-test")
    with mail_server() as server, mailing(server.port) as handler:
        alone.addHandler(handler)
        alone.error("%d blobs", "many")
        alone.error("after")
        (told,) = server.wait_for(1)
    assert handler.failures == 1
    assert told.subject == "[error] host.example: after"
