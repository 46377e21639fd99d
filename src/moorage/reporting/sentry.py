"""Sentry: its library makes the message, with everything off that it would collect by itself. Moorage sends the message."""

from __future__ import annotations

import gzip
import platform
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sentry_sdk import Client
from sentry_sdk.transport import Transport
from sentry_sdk.utils import event_from_exception

import moorage
from moorage.reporting.courier import Courier
from moorage.reporting.posting import AGENT, Post
from moorage.reporting.report import STATUS, Report

if TYPE_CHECKING:
    from sentry_sdk.envelope import Envelope
    from sentry_sdk.types import Event

_MECHANISM: Final = {"type": "moorage", "handled": False}


class Sentry:
    """The service Sentry. The configuration has checked that `dsn` is valid. `environment` may be empty."""

    def __init__(self, dsn: str, environment: str) -> None:
        self.courier: Courier[bytes] = Courier("sentry", self._send)
        carrier = _Carrier(dsn, self.courier.offer)
        # No default integrations: they would record log lines, outgoing requests, modules and the command line.
        self._client = Client(
            dsn=dsn,
            transport=carrier,
            environment=environment or "production",
            release=f"moorage@{moorage.__version__}",
            server_name=socket.gethostname(),
            in_app_include=["moorage"],
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            enable_backpressure_handling=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            max_request_body_size="never",
            send_client_reports=False,
            spotlight=False,
        )
        self._headers = carrier.headers
        self._post = Post(carrier.url)

    def take(self, report: Report) -> None:
        event, _ = event_from_exception(report.error, self._client.options, _MECHANISM)
        for error in event["exception"]["values"]:
            error["value"] = report.redact(error["value"] or "")
        _tell(event, report)
        self._client.capture_event(event)

    def _send(self, envelope: bytes) -> None:
        self._post.send(envelope, self._headers)


class _Carrier(Transport):
    """Takes complete messages from the library's client."""

    def __init__(self, dsn: str, carry: Callable[[bytes], None]) -> None:
        super().__init__({"dsn": dsn})
        assert self.parsed_dsn is not None
        auth = self.parsed_dsn.to_auth(AGENT)
        self.url: str = auth.get_api_url()
        self.headers = {
            "Content-Type": "application/x-sentry-envelope",
            "Content-Encoding": "gzip",
            "X-Sentry-Auth": auth.to_header(),
        }
        self._carry = carry

    def capture_envelope(self, envelope: Envelope) -> None:
        self._carry(gzip.compress(envelope.serialize()))


def _tell(event: Event, report: Report) -> None:
    request = report.request
    event["timestamp"] = datetime.fromtimestamp(report.moment, UTC)
    event["transaction"] = f"{request.method} {request.path}"
    event["request"] = {
        "method": request.method,
        "url": request.path,
        "headers": {"User-Agent": request.agent},
        "env": {"REMOTE_ADDR": request.address},
    }
    if request.user:
        event["user"] = {"username": request.user}
    event["tags"] = {"request": request.id, "repository": request.repository, "status": str(STATUS)}
    event["contexts"] = {"runtime": {"name": "CPython", "version": platform.python_version()}}
    event["extra"] = {"left_out": report.left_out}
