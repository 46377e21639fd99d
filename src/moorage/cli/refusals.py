"""What a server would refuse to start with, as far as that can be told without opening files and without the network.

`moorage.config` knows what each key takes. What several of them make together is known only where it is built, so it is built here
as `serve` builds it, and thrown away.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from moorage.auth.base import AuthError
from moorage.auth.extensions import Context, load
from moorage.caches import build_descriptors
from moorage.config import Configuration
from moorage.config.sections.redis import RedisTls
from moorage.config.sections.s3 import S3
from moorage.controllers import build_rules
from moorage.drivers.base import DriverError
from moorage.drivers.inmemory import InMemoryDriver
from moorage.letsencrypt import CertificateError, Certificates
from moorage.middleware import wrap
from moorage.notifications import enabled, endpoints
from moorage.storage import OBJECT_STORES, build_driver, installed, require_encodable_root
from moorage.store.descriptors.removals import Removals


class _ObjectStore(InMemoryDriver):
    """An object store, for code that only asks whether it is one."""

    distant = True


def refusals(configuration: Configuration) -> Iterator[str]:
    """One line for each part that cannot be built, which names the key."""
    for build in _BUILDS:
        try:
            build(configuration)
        except (AuthError, CertificateError, DriverError) as error:
            yield str(error)
    yield from _folders(configuration)
    yield from _notifications(configuration)


def _controller(configuration: Configuration) -> None:
    oidc, extension = configuration.auth.oidc, configuration.auth.extension
    if oidc is not None:
        load("oidc")(oidc.model_dump(), Context("auth.oidc"))
    if extension is not None:
        # Its factory may open files: only the server calls it.
        load(extension.name)


def _folders(configuration: Configuration) -> Iterator[str]:
    """Files of users that are folders, as in the sample of Debian's docker-registry. To see that, nothing is opened."""
    auth = configuration.auth
    named = {
        "auth.htpasswd.path": auth.htpasswd and auth.htpasswd.path,
        "auth.groupfile": auth.groupfile,
    }
    for key, path in named.items():
        if path and os.path.isdir(path):
            yield f"{key}: {path}: is a folder, where the name of a file is expected"


def _driver(configuration: Configuration) -> None:
    """Keys that are not written in the configuration are looked for in files and on the network, so any will do for S3, and of Google's
    driver only the library is looked for."""
    storage = configuration.storage
    if storage.filesystem is not None:
        require_encodable_root(storage.filesystem)
    if storage.s3 is not None and storage.s3.accesskey is None:
        s3 = S3.model_validate({**dict(storage.s3), "accesskey": "any", "secretkey": "any"})
        storage = storage.model_copy(update={"s3": s3})
    if storage.gcs is not None and (storage.gcs.credentials is None or storage.gcs.keyfile):
        with installed("gcs"):
            from moorage.drivers.objectstore import gcs  # noqa: F401
        return
    if storage.driver.name in OBJECT_STORES:
        build_driver(configuration.model_copy(update={"storage": storage}))


def _cache(configuration: Configuration) -> None:
    if configuration.storage.driver.name in OBJECT_STORES:
        # The files of `redis.tls` would be read.
        redis = configuration.redis.model_copy(update={"tls": RedisTls()})
        build_descriptors(configuration.model_copy(update={"redis": redis}), _ObjectStore(), Removals())


def _middleware(configuration: Configuration) -> None:
    # CloudFront's key would be read.
    entries = [
        entry.model_copy(update={"disabled": entry.disabled or entry.name == "cloudfront"})
        for entry in configuration.middleware.storage
    ]
    middleware = configuration.middleware.model_copy(update={"storage": entries})
    wrap(InMemoryDriver(), configuration.model_copy(update={"middleware": middleware}))


def _certificate(configuration: Configuration) -> None:
    section = configuration.http.tls.letsencrypt
    if section.cachefile is not None:
        Certificates(Path(section.cachefile), section.hosts).require_library()


def _notifications(configuration: Configuration) -> Iterator[str]:
    if not enabled(configuration):
        return
    from moorage.events.sending import Sender

    for endpoint in endpoints(configuration):
        try:
            Sender(endpoint)
        except ValueError as error:
            yield f"notifications.endpoints: {endpoint.name}: {error}"


_BUILDS: Final[tuple[Callable[[Configuration], object], ...]] = (
    build_rules,
    _controller,
    _driver,
    _cache,
    _middleware,
    _certificate,
)
