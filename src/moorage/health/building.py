"""The checks as the configuration names them."""

from __future__ import annotations

from collections.abc import Iterator

from moorage.config import Configuration
from moorage.config.sections import health as sections
from moorage.config.values import HiddenURL, header_pairs, host_and_port
from moorage.drivers.base import Driver
from moorage.health.check import Check
from moorage.health.probes import connects, file_is_missing, storage_answers
from moorage.health.verdict import Health
from moorage.shared import Switch

READY_SECONDS = 5.0


def build(configuration: Configuration, driver: Driver, switch: Switch) -> Health:
    section = configuration.health
    storage = Check("readyz", storage_answers(driver), timeout=READY_SECONDS)
    return Health(list(_checks(section, driver, configuration.storage.driver.name)), storage, switch)


def _checks(section: sections.Health, driver: Driver, name: str) -> Iterator[Check]:
    """Named as the reference implementation does."""
    asked = section.storagedriver
    if asked.enabled:
        yield Check(
            f"storagedriver_{name}",
            storage_answers(driver),
            interval=asked.interval.total_seconds(),
            threshold=asked.threshold,
        )
    for file in section.file:
        yield Check(
            file.file,
            file_is_missing(file.file),
            interval=file.interval.total_seconds(),
            threshold=file.threshold,
        )
    for url in section.http:
        yield _url(url)
    for address in section.tcp:
        yield Check(
            address.addr,
            connects(*host_and_port(address.addr)),
            interval=address.interval.total_seconds(),
            threshold=address.threshold,
            timeout=address.timeout.total_seconds(),
        )


def _url(section: sections.HttpProbe) -> Check:
    from moorage.health.http import answers

    return Check(
        HiddenURL(section.uri).shown,
        answers(section.uri, section.statuscode, header_pairs(section.headers)),
        interval=section.interval.total_seconds(),
        threshold=section.threshold,
        timeout=section.timeout.total_seconds(),
    )
