"""Warns of keys that have no effect: because they are empty, because another key overrides them, or because nothing here needs
them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from moorage.config.configuration import Configuration
from moorage.config.nodes import Node, Path, Scalar, is_empty, node_at, plain
from moorage.config.sections.clouds import LEAST_PART
from moorage.config.sections.redis import WITHOUT_EFFECT
from moorage.config.sections.s3 import S3
from moorage.config.sections.storage import CACHES
from moorage.config.sections.tls import SUITES
from moorage.config.values import HiddenURL

_CACHE = ("storage", "cache", "blobdescriptor")
_LOCAL = ("filesystem", "inmemory")


def ineffective(configuration: Configuration, root: Node) -> Iterator[tuple[Path, str]]:
    """Where it stands, and why it has no effect. `root`: what the configuration was made from, with its empty values."""
    yield from _protection(configuration, root)
    yield from _issuer(configuration)
    yield from _storage(configuration)
    yield from _cache(configuration, root)
    yield from _redis(configuration)
    yield from _tls(configuration)
    yield from _prefix(configuration)
    yield from _middleware(configuration)
    yield from _proxy(configuration)
    yield from _schema1(configuration)


def _protection(configuration: Configuration, root: Node) -> Iterator[tuple[Path, str]]:
    """Sections that protect, and are there but empty: whoever wrote them may believe they protect."""
    if _is_void(root, ("auth",)):
        yield (
            ("auth",),
            "has no effect: it is empty, and so everybody may do everything; if so, write auth: none",
        )
    if _is_void(root, ("access",)):
        who = "everybody" if configuration.auth.kind == "none" else "whoever is known"
        yield ("access",), f"has no effect: it is without rules, and so {who} may do everything"
    authorities = ("http", "tls", "clientcas")
    if configuration.http.tls.enabled and _is_void(root, authorities):
        yield authorities, "has no effect: it is empty, and so no client is asked for a certificate"


def _issuer(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    auth = configuration.auth
    if auth.issuer.enabled and auth.kind in ("none", "silly", "token"):
        yield ("auth", "issuer", "enabled"), f"has no effect with auth.{auth.kind}: nobody signs in here"


def _is_void(root: Node, path: Path) -> bool:
    node = node_at(root, path)
    return node is not None and (is_empty(node) or plain(node) in ([], {}))


def _cache(configuration: Configuration, root: Node) -> Iterator[tuple[Path, str]]:
    node, driver = node_at(root, _CACHE), configuration.storage.driver.name
    if isinstance(node, Scalar) and not is_empty(node) and node.text not in CACHES:
        known = "inmemory, redis or none"
        yield _CACHE, f"must be {known}, not {node.text[:60]!r}: the registry serves without a cache"
    elif configuration.storage.cache.blobdescriptor == "redis" and driver in _LOCAL:
        yield _CACHE, f"has no effect with the storage driver {driver}, which is asked every time"


def _redis(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    """Only where it is used: else no key of the section has an effect, as everybody would expect."""
    if configuration.storage.cache.blobdescriptor == "redis":
        for key in sorted(WITHOUT_EFFECT.keys() & configuration.redis.model_fields_set):
            yield ("redis", key), f"has no effect: {WITHOUT_EFFECT[key]}"


def _storage(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    s3, gcs = configuration.storage.s3, configuration.storage.gcs
    if s3 is not None and not s3.v4auth:
        yield ("storage", "s3", "v4auth"), "has no effect: requests are always signed with version 4"
    if s3 is not None and s3.keyid and not s3.encrypt:
        yield (
            ("storage", "s3", "keyid"),
            "has no effect without encrypt: objects are encrypted as the bucket says, not with this key",
        )
    if s3 is not None and s3.sessiontoken is not None and s3.accesskey is None:
        yield (
            ("storage", "s3", "sessiontoken"),
            "has no effect without accesskey and secretkey: credentials are taken from the environment",
        )
    if s3 is not None:
        yield from _addresses(s3)
    if gcs is not None and not configuration.storage.redirect.disable and not gcs.signable:
        yield (
            ("storage", "gcs", "rootdirectory"),
            "has a letter with which no URL can be signed: blobs come through the registry",
        )
    if gcs is not None and gcs.chunksize < LEAST_PART:
        yield (
            ("storage", "gcs", "chunksize"),
            "has no effect: parts have 5 MiB, for Google takes no smaller ones but the last",
        )


def _addresses(s3: S3) -> Iterator[tuple[Path, str]]:
    """Keys that choose among Amazon's addresses."""
    for key in ("accelerate", "usedualstack", "usefipsendpoint"):
        if not getattr(s3, key):
            continue
        if s3.regionendpoint is not None:
            yield ("storage", "s3", key), "has no effect with regionendpoint, which is the address"
        elif key == "usefipsendpoint" and s3.accelerate:
            yield (
                ("storage", "s3", key),
                "has no effect with accelerate: Amazon has no such address with FIPS",
            )


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


def _prefix(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    """The reference implementation does not add it either."""
    host, prefix = configuration.http.host, configuration.http.prefix.rstrip("/")
    if host is not None and not urlsplit(host).path.rstrip("/").endswith(prefix):
        shown = HiddenURL(host).shown.rstrip("/")
        yield (
            ("http", "prefix"),
            f"has no effect on http.host, which is the whole address: clients are sent to {shown}/v2/",
        )


def _middleware(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    driver = configuration.storage.driver.name
    for index, entry in enumerate(configuration.middleware.storage):
        path = ("middleware", "storage", index)
        if entry.disabled:
            continue
        if configuration.storage.redirect.disable:
            yield path, "has no effect, because clients are not sent anywhere (storage.redirect.disable)"
        elif not entry.works_over(driver):
            yield path, f"has no effect: {entry.name} is for the storage driver s3, not {driver}"


def _proxy(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    proxy = configuration.proxy
    if proxy.remoteurl is None:
        for key, field in type(proxy).model_fields.items():
            if getattr(proxy, key) != field.default:
                yield ("proxy", key), "has no effect without proxy.remoteurl"


def _schema1(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    schema1 = configuration.compatibility.schema1
    refused = "manifests of schema 1 are refused; push such images again with Docker 1.10 or newer"
    if schema1.enabled:
        yield ("compatibility", "schema1", "enabled"), f"has no effect: {refused}"
    elif schema1.signingkeyfile is not None:
        yield ("compatibility", "schema1", "signingkeyfile"), f"has no effect: {refused}"
