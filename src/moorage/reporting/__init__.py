"""Reports unexpected errors to Bugsnag, New Relic and Sentry.

Read `report` first (what is reported, and what never is), then `dispatch` (a `Reporter` over the configured services) and `courier`
(a thread for each service, which no request waits for). `bugsnag`, `newrelic` and `sentry` turn a report into a message with the
library of their service, and are imported only if the configuration has its key. `rate`, `tally` and `posting` are helpers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from moorage.api.exchange import Exchange
from moorage.config import Configuration
from moorage.config.sections.reporting import Reporting
from moorage.config.values import plain

if TYPE_CHECKING:
    from moorage.reporting.dispatch import Service


class Reporter(Protocol):
    def report(self, error: Exception, exchange: Exchange) -> None:
        """Report an unexpected error and the request in which it happened. Neither waits nor raises."""
        ...

    async def close(self) -> None:
        """Send what was reported so far, if that takes only a moment, then close."""
        ...


class ReportingError(Exception):
    """A configured service cannot be used. The message begins with the configuration key."""


def build(configuration: Configuration) -> Reporter | None:
    """The reporter of the configuration; None if no service is configured. Raises ReportingError if a library is missing."""
    services = [_made(name, make) for name, make in _wanted(configuration.reporting)]
    if not services:
        return None
    from moorage.reporting.dispatch import Dispatch

    return Dispatch(services)


def _wanted(section: Reporting) -> Iterator[tuple[str, Callable[[], Service]]]:
    if section.bugsnag.apikey:
        yield "bugsnag", lambda: _bugsnag(section)
    if section.newrelic.licensekey:
        yield "newrelic", lambda: _newrelic(section)
    if section.sentry.dsn:
        yield "sentry", lambda: _sentry(section)


def _made(name: str, make: Callable[[], Service]) -> Service:
    try:
        return make()
    except ModuleNotFoundError as error:
        message = f"reporting.{name}: {error.name} is not installed: pip install 'moorage[{name}]'"
        raise ReportingError(message) from None


def _bugsnag(section: Reporting) -> Service:
    from moorage.reporting.bugsnag import Bugsnag

    bugsnag = section.bugsnag
    return Bugsnag(plain(bugsnag.apikey), bugsnag.releasestage or "", str(bugsnag.endpoint or ""))


def _newrelic(section: Reporting) -> Service:
    from moorage.reporting.newrelic import NewRelic

    newrelic = section.newrelic
    return NewRelic(plain(newrelic.licensekey), newrelic.name or "", newrelic.verbose)


def _sentry(section: Reporting) -> Service:
    from moorage.reporting.sentry import Sentry

    return Sentry(str(section.sentry.dsn), section.sentry.environment or "")
