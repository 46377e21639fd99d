"""Sets up the logs as the configuration asks for."""

from __future__ import annotations

import socket
import sys
import time
from functools import partial
from logging import ERROR
from typing import TYPE_CHECKING, Any

from moorage import __version__
from moorage.api.exchange import Exchange
from moorage.api.observing import Outcome
from moorage.config import Configuration
from moorage.config.values import host_and_port, revealed
from moorage.observe import access, context, journal, logging, outputs, shown
from moorage.observe.files import Output, Together

if TYPE_CHECKING:
    from moorage.config.sections.log import Hook
    from moorage.observe.mail import MailHandler


def configure(configuration: Configuration, instance: str = "") -> None:
    """Set up the logs of this process. `instance`: the id of its server. Exits with a message if a file cannot be opened."""
    section = configuration.log
    if not section.accesslog.disabled:
        _output("log.accesslog.output", section.accesslog.output)
    _output("log.output", section.output)
    logging.configure(**settings(configuration, instance), also=_mails(configuration, instance))


def configure_command(configuration: Configuration) -> None:
    """Set up the log of a command: on stderr, whose reader is waited for. Whoever runs it may not be the server's user, who could not open
    files that it made."""
    logging.configure(
        **settings(configuration) | {"output": "stderr", "waits": True}, also=_mails(configuration)
    )


def settings(configuration: Configuration, instance: str = "") -> dict[str, Any]:
    """The arguments of `observe.logging.configure`, also for a process that does not have the configuration."""
    section = configuration.log
    return {
        "level": section.level,
        "form": section.formatter,
        "fields": _always(configuration, instance),
        "caller": section.reportcaller,
        "output": section.output,
    }


def finish() -> None:
    """Wait for the readers of this process's log before it ends, but not for long."""
    outputs.finish()


def observer(configuration: Configuration, instance: str = "") -> Requests:
    """An observer that connects log lines with their request, and writes the access log. Close it when there are no more requests."""
    section = configuration.log.accesslog
    if section.disabled:
        return Requests()
    output = Together(_output("log.accesslog.output", section.output))
    if section.formatter == "combined":
        return AccessLog(output)
    return Responses(
        output, logging.EventFormatter(configuration.log.formatter, _always(configuration, instance))
    )


class Requests:
    """An `Observer` that connects log lines with their request. By itself, it writes nothing."""

    def begun(self, exchange: Exchange) -> None:
        context.begin(exchange, _remote)

    def ended(self, exchange: Exchange, outcome: Outcome) -> None:
        context.end()

    def close(self) -> None:
        """Write what waits; later lines are not held back."""
        outputs.finish()


class AccessLog(Requests):
    """The access log in the Combined Log Format."""

    def __init__(self, output: Together) -> None:
        self._output = output

    def ended(self, exchange: Exchange, outcome: Outcome) -> None:
        status, sent, seconds, _ = outcome
        scope, user, client = exchange.scope, exchange.grant.user, _forwarded(exchange)
        self._output.write(partial(access.line, scope, status, sent, seconds, exchange.id, user, client))
        context.end()

    def close(self) -> None:
        self._output.close()
        super().close()


class Responses(Requests):
    """The access log as events in the format of the log."""

    def __init__(self, output: Together, formatter: logging.EventFormatter) -> None:
        self._output = output
        self._formatter = formatter

    def ended(self, exchange: Exchange, outcome: Outcome) -> None:
        fields = context.fields() | {
            "http.response.status": outcome.status,
            "http.response.duration": f"{outcome.seconds * 1000:.3f}ms",
            "http.response.written": outcome.sent,
        }
        for name, value in outcome.answer.headers if outcome.answer else []:
            if name == b"content-type":
                fields["http.response.contenttype"] = value.decode("latin-1")
        self._output.write(partial(self._line, time.time(), fields))
        context.end()

    def close(self) -> None:
        self._output.close()
        super().close()

    def _line(self, moment: float, fields: dict[str, Any]) -> bytes:
        line = self._formatter.line(moment, "info", "response completed", fields)
        return line.encode("utf-8", "replace") + b"\n"


def _forwarded(exchange: Exchange) -> str:
    """The client's address as trusted proxies report it; empty if none does."""
    return exchange.client if exchange.forwarded else ""


def _remote(exchange: Exchange) -> str:
    if forwarded := _forwarded(exchange):
        return forwarded
    host, port = exchange.scope.get("client") or ("", 0)
    host = shown.address(host)
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if host and port else host


def _always(configuration: Configuration, instance: str) -> dict[str, Any]:
    found: dict[str, Any] = dict(configuration.log.fields)
    if instance:
        found.setdefault("instance.id", instance)
    found.setdefault("version", __version__)
    return found


def _output(key: str, name: str) -> Output:
    try:
        return outputs.output(name)
    except OSError as error:
        # There is no log yet.
        sys.stderr.write(f"{journal.prefix(ERROR)}moorage: {key}: {name}: {error.strerror}\n")
        raise SystemExit(1) from None


def _mails(configuration: Configuration, instance: str = "") -> list[MailHandler]:
    formatter = logging.EventFormatter("text", _always(configuration, instance))
    return [_mail(hook, formatter) for hook in configuration.log.hooks if not hook.disabled]


def _mail(hook: Hook, formatter: logging.EventFormatter) -> MailHandler:
    """The handler for a hook. Its modules are imported only if there is one, as every worker has them in memory."""
    from moorage.observe.mail import MailHandler
    from moorage.observe.smtp import Postbox

    smtp = hook.options.smtp
    host, port = host_and_port(smtp.addr or "")
    postbox = Postbox(
        host=host or "localhost",
        port=port,
        sender=hook.options.from_ or "",
        receivers=hook.options.to,
        username=smtp.username or "",
        password=revealed(smtp.password),
        insecure=smtp.insecure,
    )
    interval = hook.options.interval.total_seconds()
    return MailHandler(hook.levels, formatter, postbox.send, socket.gethostname(), interval)
