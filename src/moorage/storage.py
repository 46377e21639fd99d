"""The storage driver that the configuration names. Those of clouds are imported when they are used: their libraries are
optional."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pydantic import SecretStr

from moorage.config import Configuration
from moorage.config.sections.base import Section
from moorage.config.sections.clouds import Azure, Gcs
from moorage.config.sections.drivers import Filesystem, Inmemory
from moorage.config.sections.s3 import S3
from moorage.config.values import revealed
from moorage.drivers.base import Driver, DriverError
from moorage.drivers.filesystem import FilesystemDriver
from moorage.drivers.folders import Removals
from moorage.drivers.inmemory import InMemoryDriver
from moorage.drivers.journal.local import is_local
from moorage.drivers.limited import Limited
from moorage.drivers.logged import Logged
from moorage.store import layout

# More threads than the disk and the processors can serve only wait for each other.
STORAGE_THREADS: Final = 16

OBJECT_STORES: Final = ("s3", "azure", "gcs")

LINKS_FOR: Final = timedelta(minutes=20)
"""How long a URL is valid that a client is sent to (as the reference implementation's)."""


PART_MEMORY: Final = 8
"""Memory for parts on their way to an object store, in multiples of the memory for other buffers: parts are that much larger."""


def build_driver(configuration: Configuration, removals: Removals | None = None) -> Driver:
    """Makes no call. `removals`: of folders on a disk, shared with the other workers of a server. Raises DriverError naming
    the key when the driver cannot be made."""
    name, parameters = configuration.storage.driver
    if isinstance(parameters, Filesystem):
        require_encodable_root(parameters)
        return FilesystemDriver(
            parameters.rootdirectory,
            threads=STORAGE_THREADS,
            inline_reads=parameters.inlinereads,
            removals=removals,
            private=layout.OWN,  # It holds keys.
            journaled=parameters.journal and parameters.inlinereads and is_local(parameters.rootdirectory),
        )
    if isinstance(parameters, Inmemory):
        return InMemoryDriver()
    from moorage.drivers.objectstore import partmemory

    links_for = None if configuration.storage.redirect.disable else LINKS_FOR
    try:
        with installed(name):
            driver = _object_store(parameters, links_for)
    except ValueError as error:
        raise DriverError(f"storage.{name}", str(error).partition("\n")[0]) from None
    partmemory.OF_PROCESS.total = PART_MEMORY * configuration.http.limits.memory
    return driver


def require_encodable_root(section: Filesystem) -> None:
    """Raise DriverError if the name of the root folder has letters that the encoding of this process lacks."""
    try:
        os.fsencode(section.rootdirectory)
    except UnicodeEncodeError:
        raise DriverError(
            "storage.filesystem.rootdirectory",
            f"{section.rootdirectory} cannot be written in this locale; set LC_ALL=C.UTF-8",
        ) from None


@contextlib.contextmanager
def installed(name: str) -> Iterator[None]:
    """Raise DriverError, which tells how to install it, if the library of a driver is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise DriverError(
            f"storage.{name}", f"{error.name} is not installed: pip install 'moorage[{name}]'"
        ) from None


def _object_store(parameters: Section, links_for: timedelta | None) -> Driver:
    if isinstance(parameters, S3):
        return _s3(parameters, links_for)
    if isinstance(parameters, Azure):
        return _azure(parameters, links_for)
    assert isinstance(parameters, Gcs), "the others are refused by name (config.features)"
    return _gcs(parameters, links_for)


def _s3(section: S3, links_for: timedelta | None) -> Driver:
    from moorage.drivers.objectstore.s3 import S3Options, s3_driver

    options = S3Options(
        bucket=section.bucket,
        region=section.region or "",
        access_key=revealed(section.accesskey),
        secret_key=revealed(section.secretkey),
        session_token=revealed(section.sessiontoken),
        endpoint=str(section.regionendpoint or ""),
        public_endpoint=str(section.redirectendpoint or ""),
        # Docker Registry 2 took every service that is not Amazon's for one that wants the bucket in the path.
        path_style=bool(section.regionendpoint) if section.forcepathstyle is None else section.forcepathstyle,
        root=section.rootdirectory,
        encrypt=section.encrypt,
        kms_key=section.keyid or "",
        secure=section.secure,
        skip_verify=section.skipverify,
        part_bytes=section.chunksize,
        copy_bytes=section.multipartcopychunksize,
        copy_concurrency=section.multipartcopymaxconcurrency,
        copy_threshold=section.multipartcopythresholdsize,
        storage_class=section.storageclass,
        acl=section.objectacl,
        private=layout.OWN,
        user_agent=section.useragent or "",
        dual_stack=section.usedualstack,
        accelerate=section.accelerate,
        fips=section.usefipsendpoint,
    )
    driver = s3_driver(options, links_for=links_for)
    return driver if section.loglevel == "off" else Logged(driver)


def _azure(section: Azure, links_for: timedelta | None) -> Driver:
    from moorage.drivers.objectstore.azure import AzureOptions, azure_driver

    kind = section.credentials.type or ("shared_key" if section.accountkey else "client_secret")
    options = AzureOptions(
        account=section.accountname,
        container=section.container,
        account_key=revealed(section.accountkey) if kind == "shared_key" else "",
        connection_string=revealed(section.connectionstring),
        endpoint=str(section.serviceurl or ""),
        realm=section.realm,
        root=section.rootdirectory,
        client_id=section.credentials.clientid or "",
        tenant_id=section.credentials.tenantid or "",
        client_secret=revealed(section.credentials.secret) if kind == "client_secret" else "",
        tries=section.max_retries,
        first_pause=section.retry_delay,
        skip_verify=section.skipverify,
    )
    return azure_driver(options, links_for=links_for)


def _gcs(section: Gcs, links_for: timedelta | None) -> Driver:
    from moorage.drivers.objectstore.gcs import GcsOptions, gcs_driver

    credentials: dict[str, str] = {}
    # Not dumped: that hides the private key.
    for key, value in section.credentials or ():
        if value is not None:
            credentials[key] = revealed(value) if isinstance(value, SecretStr) else str(value)
    options = GcsOptions(
        bucket=section.bucket,
        key_file=section.keyfile or "",
        credentials=credentials,
        root=section.rootdirectory,
        part_bytes=section.chunksize,
        user_agent=section.useragent or "",
    )
    driver = gcs_driver(options, links_for=links_for if section.signable else None)
    return driver if section.maxconcurrency is None else Limited(driver, section.maxconcurrency)
