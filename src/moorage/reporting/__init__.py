"""Reports unexpected errors to Bugsnag, New Relic and Sentry.

Read `report` first (what is reported, and what never is), then `dispatch` (a `Reporter` over the configured services) and `courier`
(a thread for each service, which no request waits for). `bugsnag`, `newrelic` and `sentry` turn a report into a message with the
library of their service, and are imported only if the configuration has its key. `rate` limits how many, `tally`
counts what is lost, and `posting` sends by HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from moorage.api.exchange import Exchange
from moorage.config import Configuration
from moorage.config.sections.reporting import Reporting
from moorage.config.values import revealed

if TYPE_CHECKING:
    from moorage.reporting.dispatch import Service


class Reporter(Protocol):
    def report(self, error: Exception, exchange: Exchange) -> None:
        """Report an unexpected error and the request in which it happened. Neither waits nor raises."""
        ...

    async def close(self) -> None:
        """Send what was reported so far, if that takes only a moment, then close."""
        ...


def build(configuration: Configuration) -> Reporter | None:
    """The reporter of the configuration; None if no service is configured. Missing libraries were refused at the start
    (`moorage.config.features`)."""
    section = configuration.reporting
    services: list[Service] = []
    if section.bugsnag.apikey:
        services.append(_bugsnag(section))
    if section.newrelic.licensekey:
        services.append(_newrelic(section))
    if section.sentry.dsn:
        services.append(_sentry(section))
    if not services:
        return None
    from moorage.reporting.dispatch import Dispatch

    return Dispatch(services)


def _bugsnag(section: Reporting) -> Service:
    from moorage.reporting.bugsnag import Bugsnag

    bugsnag = section.bugsnag
    return Bugsnag(revealed(bugsnag.apikey), bugsnag.releasestage or "", str(bugsnag.endpoint or ""))


def _newrelic(section: Reporting) -> Service:
    from moorage.reporting.newrelic import NewRelic

    newrelic = section.newrelic
    return NewRelic(revealed(newrelic.licensekey), newrelic.name or "", newrelic.verbose)


def _sentry(section: Reporting) -> Service:
    from moorage.reporting.sentry import Sentry

    return Sentry(str(section.sentry.dsn), section.sentry.environment or "")
