"""What can be configured and then does nothing, because of something else that is configured: worth a warning."""

from __future__ import annotations

from collections.abc import Iterator

from moorage.config.configuration import Configuration
from moorage.config.nodes import Path
from moorage.config.sections.tls import SUITES


def ineffective(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    """Where it stands, and why it has no effect."""
    if "access" in configuration.model_fields_set and not configuration.access:
        who = "everybody" if configuration.auth.kind == "none" else "whoever is known"
        yield ("access",), f"has no effect: it is without rules, and so {who} may do everything"
    yield from _storage(configuration)
    yield from _tls(configuration)
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


def _tls(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    http, tls = configuration.http, configuration.http.tls
    if tls.clientcas and tls.clientauth == "request-client-cert":
        yield (
            ("http", "tls", "clientauth"),
            "has no effect: nothing looks at the certificates that clients would show, so none is requested",
        )
    if not tls.clientcas and tls.clientauth != "require-and-verify-client-cert":
        yield ("http", "tls", "clientauth"), "has no effect without clientcas"
    if tls.ciphersuites and tls.minimumtls == "tls1.3":
        yield ("http", "tls", "ciphersuites"), "has no effect with minimumtls tls1.3"
    elif tls.ciphersuites and (more := sorted(set(SUITES) - set(tls.ciphersuites))):
        yield (
            ("http", "tls", "ciphersuites"),
            f"has no effect: {', '.join(more)} are offered too, which are as safe",
        )
    if http.h2c.enabled and (tls.enabled or http.net == "unix"):
        where = "with TLS, where http2.disabled decides" if tls.enabled else "on a unix socket"
        yield ("http", "h2c", "enabled"), f"has no effect {where}"
