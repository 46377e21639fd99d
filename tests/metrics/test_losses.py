"""What watches the registry and fails itself is counted, by all workers together, whatever befalls them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

from tests.faults.processes import eventually, worker_pids
from tests.metrics.scraped import Page, counted_server, counting, scrape
from tests.observe.mailserver import mail_server
from tests.reporting.failing import ask, failing_registry
from tests.support.exchange import exchange
from tests.support.ports import free_port
from tests.support.server import Server, running

SECONDS = 30.0
LINES = "registry_log_lost_lines_total"
MAILS = "registry_log_mail_failures_total"
REPORTS = "registry_error_reports_lost_total"
FAILED = "mail about the log cannot be sent"
AGAIN = re.compile(r"mail about the log is sent again.* failures=(\d+)")
AT_ONCE = 10
"""Errors that a worker reports at once."""


def comes(port: int, what: str, condition: Callable[[Page], bool]) -> Page:
    eventually(lambda: condition(scrape(port)), SECONDS, what)
    return scrape(port)


def replace_workers(server: Server, port: int) -> None:
    for pid in worker_pids(server):
        os.kill(pid, signal.SIGKILL)
    comes(
        port,
        "others are in their place",
        lambda page: page.total("registry_worker_starts_total") == 4 and page.total("registry_workers") == 2,
    )


def test_lines_that_cannot_be_written_are_counted_once_each(tmp_path: Path) -> None:
    server, port = counted_server(tmp_path)
    config = Path(server.command[-1])
    full = "log:\n  accesslog: {output: /dev/full}\n"
    config.write_text(re.sub(r"(?m)^log:\n", full, config.read_text()))
    with running(server):
        # That of the question which the start has waited for.
        before = comes(port, "the first is counted", lambda page: page.total(LINES) > 0).total(LINES)
        for _ in range(40):
            assert exchange(server.address, "GET", "/v2/").status == 200
        page = comes(port, "each is counted", lambda page: page.total(LINES) >= before + 40)
        assert page.total(LINES) == before + 40
        replace_workers(server, port)
        assert scrape(port).total(LINES) == before + 40


def test_mail_that_cannot_be_sent_is_counted_once_for_each_try_of_each_worker(tmp_path: Path) -> None:
    file, post = tmp_path / "down", free_port()
    options = (
        f"{{smtp: {{addr: '127.0.0.1:{post}'}}, from: a@example.com, to: [b@example.com], interval: 1s}}"
    )
    server, port = counted_server(tmp_path, f"health:\n  file: [{{file: '{file}', interval: 50ms}}]\n")
    config = Path(server.command[-1])
    hook = f"log:\n  hooks: [{{type: mail, levels: [error], options: {options}}}]\n"
    config.write_text(re.sub(r"(?m)^log:\n", hook, config.read_text()))
    with running(server):
        assert scrape(port).values(REPORTS, "reason") == {"too_many": 0, "undelivered": 0, "failed": 0}
        assert scrape(port).total(MAILS) == 0
        # Each of the workers has something to mail.
        file.touch()
        comes(port, "some tries failed", lambda page: page.total(MAILS) > 2)
        eventually(lambda: server.log.read_text().count(FAILED) == 2, SECONDS, "both have failed")
        with mail_server(post):
            eventually(lambda: len(AGAIN.findall(server.log.read_text())) == 2, SECONDS, "both mail again")
        failures = sum(map(int, AGAIN.findall(server.log.read_text())))
        assert scrape(port).total(MAILS) == failures
        replace_workers(server, port)
        assert scrape(port).total(MAILS) >= failures


def test_reports_of_errors_that_do_not_arrive_are_counted_by_why(tmp_path: Path) -> None:
    port, nobody = free_port(), free_port()
    server = failing_registry(
        tmp_path, f"  sentry: {{dsn: 'http://key@127.0.0.1:{nobody}/1'}}\n", http=counting(port)
    )
    asked = 4 * AT_ONCE
    with running(server):
        for _ in range(asked):
            ask(server)
        page = comes(port, "each is counted", lambda page: page.total(REPORTS) == asked)
        assert page.total(REPORTS, reason="undelivered") >= AT_ONCE
        assert page.total(REPORTS, reason="too_many") > 0
        assert page.total(REPORTS, reason="failed") == 0
        replace_workers(server, port)
        assert scrape(port).values(REPORTS, "reason") == page.values(REPORTS, "reason")
        ask(server)
        comes(port, "one more is counted", lambda page: page.total(REPORTS) == asked + 1)
