"""What can be configured and then does nothing, because of something else that is configured: worth a warning."""

from __future__ import annotations

from collections.abc import Iterator

from moorage.config.configuration import Configuration
from moorage.config.nodes import Path


def ineffective(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    """Where it stands, and why it has no effect."""
    yield from _storage(configuration)
    driver = configuration.storage.driver.name
    for index, entry in enumerate(configuration.middleware.storage):
        path = ("middleware", "storage", index)
        if entry.disabled:
            continue
        if configuration.storage.redirect.disable:
            yield path, "has no effect, because clients are not sent anywhere (storage.redirect.disable)"
        elif not entry.works_over(driver):
            yield path, f"has no effect: {entry.name} is for the storage driver s3, not {driver}"


def _storage(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    s3, gcs = configuration.storage.s3, configuration.storage.gcs
    if s3 is not None and s3.loglevel != "off":
        yield ("storage", "s3", "loglevel"), "has no effect: requests to the store are not logged one by one"
    if s3 is not None and not s3.v4auth:
        yield ("storage", "s3", "v4auth"), "has no effect: requests are always signed with version 4"
    if gcs is not None and "maxconcurrency" in gcs.model_fields_set:
        yield ("storage", "gcs", "maxconcurrency"), "has no effect: http.limits bounds what goes on at a time"
