"""The logs as the configuration names them."""

from __future__ import annotations

from moorage.api.exchange import Exchange
from moorage.api.observing import Observer, Outcome
from moorage.config import Configuration
from moorage.observe import access, logging


def configure(configuration: Configuration) -> None:
    """For this process."""
    section = configuration.log
    logging.configure(section.level, section.formatter, section.fields, caller=section.reportcaller)


def observer(configuration: Configuration) -> Observer | None:
    """What writes the access log; None where nobody wants one."""
    return None if configuration.log.accesslog.disabled else AccessLog()


class AccessLog:
    def begun(self, exchange: Exchange) -> None:
        return None

    def ended(self, exchange: Exchange, outcome: Outcome) -> None:
        access.write(
            exchange.scope, outcome.status, outcome.sent, outcome.seconds, exchange.id, exchange.grant.user
        )
