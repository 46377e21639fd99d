"""Bugsnag: its library makes the message. Its way of sending is not used, as it takes a thread for each message, without limits in
number and time."""

# mypy: disallow-untyped-calls=False
# The library is only partly annotated.

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bugsnag import Client, Configuration, Event, RequestConfiguration, legacy
from bugsnag.delivery import Delivery, default_headers

import moorage
from moorage.reporting.courier import Courier
from moorage.reporting.posting import Post
from moorage.reporting.report import STATUS, Report

# When imported, the library installs a client of its own in the hook for unhandled exceptions.
legacy.default_client.uninstall_sys_hook()


class Bugsnag:
    """The service Bugsnag. `stage` and `endpoint` may be empty: then `production` and the library's endpoint are used."""

    def __init__(self, key: str, stage: str, endpoint: str) -> None:
        self.courier: Courier[bytes] = Courier("bugsnag", self._send)
        self._key = key
        configuration = Configuration(logger=None)
        configuration.configure(
            api_key=key,
            app_version=moorage.__version__,
            asynchronous=False,
            auto_capture_sessions=False,
            auto_notify=False,
            delivery=_Carrier(self.courier.offer),
            endpoint=endpoint or None,
            hostname=socket.gethostname(),
            max_breadcrumbs=0,
            project_root=str(Path(moorage.__file__).parent),
            release_stage=stage or "production",
            send_code=False,
            send_environment=False,
        )
        self._configuration = configuration
        self._client = Client(configuration, install_sys_hook=False, configure=False)
        self._post = Post(configuration.endpoint)

    def take(self, report: Report) -> None:
        request = report.request
        event = Event(
            report.error,
            self._configuration,
            RequestConfiguration(),
            severity="error",
            unhandled=True,
            severity_reason={"type": "unhandledException"},
            context=f"{request.method} {request.path}",
            user={"id": request.user, "name": request.user} if request.user else {},
            metadata={"request": _tab(report)},
        )
        for error in event.errors:
            error.error_message = report.redact(error.error_message)
        # Notes of exceptions are texts that are not redacted, and the library puts them here.
        event.metadata.pop("exception notes", None)
        self._client.deliver(event)

    def _send(self, payload: bytes) -> None:
        self._post.send(payload, default_headers(self._key))


class _Carrier(Delivery):
    """Takes complete messages from the library."""

    def __init__(self, carry: Callable[[bytes], None]) -> None:
        super().__init__()
        self._carry = carry

    def deliver(self, config: Configuration, payload: Any, options: Any = None) -> None:
        self._carry(payload.encode("utf-8", "replace"))
        if options and (done := options.get("post_delivery_callback")):
            done()


def _tab(report: Report) -> dict[str, object]:
    """What Bugsnag shows in the tab "Request" of an error."""
    request = report.request
    return {
        "id": request.id,
        "httpMethod": request.method,
        "url": request.path,
        "repository": request.repository,
        "status": STATUS,
        "clientIp": request.address,
        "userAgent": request.agent,
        "leftOut": report.left_out,
    }
