"""New Relic: uses only the part of its library that talks to the service.

The agent itself stays off. It wraps imported modules, sends measurements every minute, reports all packages and PYTHONPATH, samples
the stacks of all threads when the service asks for it, and drops errors that occur before it is connected. Instead, the library's
session is used directly: it connects with the first error, and sends each error at once.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from newrelic.common.agent_http import ApplicationModeClient  # type: ignore[import-untyped]
from newrelic.core.config import default_host, global_settings  # type: ignore[import-untyped]
from newrelic.core.data_collector import Session  # type: ignore[import-untyped]
from newrelic.network.exceptions import (  # type: ignore[import-untyped]
    ForceAgentDisconnect,
    ForceAgentRestart,
    NetworkInterfaceException,
)

import moorage
from moorage.reporting.courier import Courier, Undelivered
from moorage.reporting.posting import SECONDS
from moorage.reporting.report import STATUS, Report

# The courier logs the service's answers once; the library would log them with every attempt.
logging.getLogger("newrelic").setLevel(logging.CRITICAL + 1)

STDOUT: Final = 1
_NAME: Final = "moorage"
_LONGEST_ATTRIBUTE: Final = 255
_MOST_FRAMES: Final = 100
_RESERVOIR: Final = {"reservoir_size": 100, "events_seen": 1}
_CLOUDS: Final = ("aws", "azure", "azurefunction", "azureappservice", "docker", "gcp", "kubernetes", "pcf")


@dataclass(frozen=True, slots=True)
class Message:
    """One error in the two forms that the service stores: with its traceback, and as an event."""

    trace: list[Any]
    event: list[dict[str, Any]]


class NewRelic:
    """The service New Relic. `name` may be empty. `verbose`: also write reports to stdout."""

    def __init__(self, key: str, name: str, verbose: bool) -> None:
        self.courier: Courier[Message] = Courier("newrelic", self._send)
        self._name = name or _NAME
        self._verbose = verbose
        self._session: Any = None
        self._settings = _settings(key, self._name)
        self._sent_away = False

    def take(self, report: Report) -> None:
        message = _message(report)
        self.courier.offer(message)
        if self._verbose:
            _show(message)

    def _send(self, message: Message) -> None:
        if self._sent_away:
            raise Undelivered("it wants no more reports until the registry is started again")
        try:
            self._deliver(message)
        except ForceAgentDisconnect:
            self._sent_away = True
            self._session = None
            raise Undelivered("it wants no more reports") from None
        except NetworkInterfaceException as error:
            raise Undelivered(_reason(error)) from None
        finally:
            if self._session is not None:
                self._session.close_connection()

    def _deliver(self, message: Message) -> None:
        known = self._session is not None
        try:
            self._post(message)
        except ForceAgentRestart:
            self._session = None
            if not known:
                raise
            # The service has forgotten the session, as it does after a while without reports.
            self._post(message)

    def _post(self, message: Message) -> None:
        _Client.status = 0
        if self._session is None:
            self._session = _Session(self._name, [], (), self._settings)
        wanted = self._session.configuration
        if wanted.collect_error_events:
            self._session.send_error_events(_RESERVOIR, [message.event])
        if wanted.collect_errors:
            self._session.send_errors([message.trace])


class _Client(ApplicationModeClient):  # type: ignore[misc]  # has no annotations
    """Remembers the last status of the service, which the library only logs. Used by one thread."""

    status: ClassVar[int] = 0

    def send_request(self, *arguments: Any, **named: Any) -> tuple[int, bytes]:
        _Client.status = 0
        status, data = super().send_request(*arguments, **named)
        _Client.status = status
        return status, data


class _Session(Session):  # type: ignore[misc]  # has no annotations
    CLIENT = _Client


def _settings(key: str, name: str) -> Any:
    """The library's settings. Environment variables that begin with NEW_RELIC_ may add more, such as a proxy or a CA bundle."""
    settings = global_settings()
    settings.license_key = key
    settings.app_name = name
    settings.host = settings.host or default_host(key)
    settings.agent_limits.data_collector_timeout = SECONDS
    for cloud in _CLOUDS:
        # Otherwise the library asks each by HTTP whether this machine is one of its own.
        setattr(settings.utilization, f"detect_{cloud}", False)
    return settings


def _message(report: Report) -> Message:
    error, milliseconds = report.error, int(report.moment * 1000)
    kind = f"{type(error).__module__}:{type(error).__qualname__}"
    text = report.redact(str(error))
    intrinsics = {
        "type": "TransactionError",
        "error.class": kind,
        "error.message": text,
        "error.expected": False,
        "timestamp": milliseconds,
        "transactionName": None,
    }
    own, known = _attributes(report)
    parameters = {
        "stack_trace": _stack(error),
        "intrinsics": intrinsics,
        "userAttributes": own,
        "agentAttributes": known,
    }
    return Message([report.moment, "Exception", text, kind, parameters], [intrinsics, own, known])


def _attributes(report: Report) -> tuple[dict[str, Any], dict[str, Any]]:
    """The attributes that only Moorage has, and those whose names the service knows."""
    request = report.request
    own = {
        "request.id": request.id,
        "repository": request.repository,
        "user": request.user,
        "address": request.address,
        "version": moorage.__version__,
        "left_out": report.left_out,
    }
    known = {
        "request.method": request.method,
        "request.uri": request.path,
        "request.headers.userAgent": request.agent,
        "response.status": str(STATUS),
    }
    return _cut(own), _cut(known)


def _cut(attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value[:_LONGEST_ATTRIBUTE] if isinstance(value, str) else value
        for key, value in attributes.items()
        if value != ""
    }


def _stack(error: BaseException) -> list[str]:
    """The traceback as lines, shortened to the innermost frames, for endless recursions."""
    walk = traceback.walk_tb(error.__traceback__)
    frames = traceback.StackSummary.extract(walk, limit=-_MOST_FRAMES, lookup_lines=False)
    lines = [f'File "{frame.filename}", line {frame.lineno}, in {frame.name}' for frame in frames]
    return ["Traceback (most recent call last):", *lines]


def _show(message: Message) -> None:
    """Write the message to stdout as one line, with a single call."""
    line = json.dumps({"reported": "newrelic", "error": message.trace}) + "\n"
    try:
        os.write(STDOUT, line.encode())
    except OSError:
        return


def _reason(error: BaseException) -> str:
    if _Client.status in (401, 403):
        return f"it answers {_Client.status}: is the licence key right?"
    if _Client.status:
        return f"it answers {_Client.status}"
    cause: BaseException | None = error
    while cause is not None and isinstance(cause, NetworkInterfaceException):
        cause = cause.__cause__ or cause.__context__
    return f"it cannot be reached: {type(cause or error).__name__}"
