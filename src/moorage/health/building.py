"""Builds the configured checks."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import dirname

from moorage.config import Configuration
from moorage.config.sections import health as sections
from moorage.config.sections.drivers import Filesystem
from moorage.config.values import HiddenURL, header_pairs, host_and_port
from moorage.drivers.base import Driver
from moorage.drivers.staging import TEMPORARY
from moorage.health.check import Check
from moorage.health.probes import connects, file_is_missing, storage_answers
from moorage.health.verdict import Health
from moorage.shared import Switch

READY_SECONDS = 5.0


def build(configuration: Configuration, driver: Driver, switch: Switch, leaving: Switch) -> Health:
    lasting = _lasting(configuration)
    storage = Check("readyz", storage_answers(driver, lasting), timeout_seconds=READY_SECONDS)
    return Health(list(_checks(configuration, driver, lasting)), storage, switch, leaving)


def _lasting(configuration: Configuration) -> str:
    """A path that is there as long as the storage is. An object store may have none: an empty bucket is healthy."""
    if not isinstance(configuration.storage.driver.parameters, Filesystem):
        return ""
    # A tree that is only read may come from the reference implementation, and never had this folder.
    return "/" if configuration.storage.maintenance.readonly.enabled else f"/{dirname(TEMPORARY)}"


def _checks(configuration: Configuration, driver: Driver, lasting: str) -> Iterator[Check]:
    """The checks, with the names that the reference implementation gives them."""
    section = configuration.health
    asked = section.storagedriver
    if asked.enabled:
        yield Check(
            f"storagedriver_{configuration.storage.driver.name}",
            storage_answers(driver, lasting),
            interval_seconds=asked.interval.total_seconds(),
            threshold=asked.threshold,
        )
    for file in section.file:
        yield Check(
            file.file,
            file_is_missing(file.file),
            interval_seconds=file.interval.total_seconds(),
            threshold=file.threshold,
        )
    for url in section.http:
        yield _url(url)
    for address in section.tcp:
        yield Check(
            address.addr,
            connects(*host_and_port(address.addr)),
            interval_seconds=address.interval.total_seconds(),
            threshold=address.threshold,
            timeout_seconds=address.timeout.total_seconds(),
        )


def _url(section: sections.HttpProbe) -> Check:
    from moorage.health.http import answers

    return Check(
        HiddenURL(section.uri).shown,
        answers(section.uri, section.statuscode, header_pairs(section.headers)),
        interval_seconds=section.interval.total_seconds(),
        threshold=section.threshold,
        timeout_seconds=section.timeout.total_seconds(),
    )
