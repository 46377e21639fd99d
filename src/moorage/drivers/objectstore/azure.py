"""Microsoft Azure Blob Storage."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from obstore.exceptions import BaseError
from obstore.store import AzureStore

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.accounts import connection, service
from moorage.drivers.objectstore.characters import REFUSED, folders, visible
from moorage.drivers.objectstore.environment import without_variables
from moorage.drivers.objectstore.leading import AzureDriver
from moorage.drivers.objectstore.network import (
    LONGEST,
    PROMPT,
    SILENCE,
    client_options,
    retries,
    without_user,
)
from moorage.drivers.objectstore.options import Options
from moorage.drivers.objectstore.sas import BlobSignatures

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AzureOptions:
    """The keys of `storage.azure` (Docker Registry, "Microsoft Azure storage driver").

    Without a key, a connection string or a secret, credentials come from the usual chain: the environment, workload identity,
    the machine's managed identity.
    """

    account: str
    """May be empty if the connection string names it."""
    container: str
    account_key: str = ""
    connection_string: str = ""
    endpoint: str = ""
    realm: str = "core.windows.net"
    root: str = ""
    client_id: str = ""
    tenant_id: str = ""
    client_secret: str = ""
    tries: int = 5
    first_pause: timedelta = timedelta(milliseconds=100)
    skip_verify: bool = False


def azure_driver(options: AzureOptions, *, links_for: timedelta | None) -> AzureDriver:
    """Build the driver, without any call. Clients are redirected only if there is an account key, which signs their URLs. Raises
    DriverError for a value that obstore refuses, and ValueError for a connection string that cannot be read."""
    folders("storage.azure", options.root)
    visible("storage.azure", accountname=options.account, realm=options.realm)
    if options.first_pause > LONGEST:
        log.warning(
            "a first pause is shortened to the longest one",
            extra={"key": "storage.azure.retry_delay", "seconds": LONGEST.total_seconds()},
        )
    given = connection(options.connection_string)
    account, endpoint = service(
        given, account=options.account, endpoint=options.endpoint, realm=options.realm
    )
    if {"?", "#"} & set(endpoint):
        # Names are put behind it: the container would look empty.
        told = "the address of the service must have no query (?) and no fragment (#); remove them"
        named = "connectionstring" if options.connection_string else "serviceurl"
        raise DriverError(f"storage.azure.{named}", told)
    key = _joined(given.get("AccountKey", options.account_key))
    config: dict[str, Any] = {"account_name": account, "endpoint": endpoint}
    if options.client_secret:
        config["client_id"] = options.client_id
        config["tenant_id"] = options.tenant_id
        config["client_secret"] = options.client_secret
    elif key:
        config["account_key"] = key
    elif "SharedAccessSignature" in given:
        config["sas_key"] = given["SharedAccessSignature"]
    elif options.client_id:
        config["client_id"] = options.client_id
    configured = config.keys() & {"client_secret", "account_key", "sas_key"}

    def store(silence: timedelta) -> AzureStore:
        try:
            with without_variables("AZURE_") if configured else nullcontext():
                return AzureStore(
                    options.container,
                    config=config,  # type: ignore[arg-type] # a dictionary that is filled step by step
                    client_options=client_options(endpoint, skip_verify=options.skip_verify, silence=silence),
                    retry_config=retries(
                        max(0, options.tries), max(options.first_pause, timedelta(milliseconds=1))
                    ),
                )
        except BaseError as error:
            raise _refused(error, options) from None

    # Made after the stores, which refuse a key that is no base64.
    prompt, patient = store(PROMPT), store(SILENCE)
    signatures = BlobSignatures(without_user(config["endpoint"]), account, options.container, key)
    links = links_for if "account_key" in config else None
    chosen = Options("azure", options.root, links_for=links, prompt=prompt, signed=signatures.url)
    return AzureDriver(patient, chosen)


def _joined(key: str) -> str:
    """The key without line breaks, which Go's base64 leaves out, too."""
    return key.replace("\r", "").replace("\n", "")


def _refused(error: BaseError, options: AzureOptions) -> DriverError:
    """In fixed words: obstore's may quote a URL with a password in it."""
    told = str(error)
    if "Access Key" in told:
        key, reason = "accountkey", "the account's key is no base64: copy it again"
    elif "SAS" in told:
        key, reason = "connectionstring", "its SharedAccessSignature cannot be read: copy it again"
    elif "url" in told:
        key, reason = "serviceurl", "the address of the service cannot be used: look for a strange character"
    else:
        return DriverError("storage.azure", REFUSED)
    return DriverError(f"storage.azure.{'connectionstring' if options.connection_string else key}", reason)
