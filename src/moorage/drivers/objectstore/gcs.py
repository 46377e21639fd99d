"""Google Cloud Storage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from obstore.exceptions import BaseError
from obstore.store import GCSStore

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.bearer import Bearer
from moorage.drivers.objectstore.characters import folders, visible
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.environment import without_variables
from moorage.drivers.objectstore.everyname import S3Names
from moorage.drivers.objectstore.multipart import Multipart
from moorage.drivers.objectstore.network import (
    AGENT,
    AT_START,
    MOST,
    PROMPT,
    client_options,
    patience,
    retries,
)
from moorage.drivers.objectstore.options import Options
from moorage.drivers.objectstore.sdk import S3Clients
from moorage.drivers.objectstore.unfinished import Unfinished

SERVICE: Final = "https://storage.googleapis.com"

_NEEDED: Final = ("private_key", "private_key_id", "client_email")
_NO_KEY: Final = "private_key is no RSA key in PEM with its line breaks: "
_AS_BLOCK: Final = "in YAML write it as a block (private_key: |), or name a keyfile"
_AS_MADE: Final = "take the file as Google made it"
_ENVIRONMENT: Final = (
    "the credentials of the environment cannot be used: look at the file that GOOGLE_APPLICATION_CREDENTIALS names, or that "
    "gcloud wrote, or set keyfile"
)


@dataclass(frozen=True)
class GcsOptions:
    """The keys of `storage.gcs` (Docker Registry, "Google Cloud Storage driver").

    Without a key file or credentials, they come from the usual chain: the environment, the file that gcloud writes, the
    machine's service account.
    """

    bucket: str
    key_file: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict)
    root: str = ""
    part_bytes: int = 5 << 20
    user_agent: str = ""
    endpoint: str = ""


def gcs_driver(options: GcsOptions, *, links_for: timedelta | None) -> ObjectStoreDriver:
    """Build the driver, without any call. Clients are redirected only if there is a private key to sign URLs with. Raises
    DriverError for credentials that cannot be used."""
    folders("storage.gcs", options.root)
    visible("storage.gcs", useragent=options.user_agent.replace(" ", ""))
    config: dict[str, Any] = {}
    if options.endpoint:
        config["base_url"] = options.endpoint
    origin = "storage.gcs.credentials" if options.credentials else f"storage.gcs.keyfile: {options.key_file}"
    credentials = options.credentials or _key(options.key_file, origin)
    if credentials:
        _check(credentials, origin)
        config["service_account_key"] = json.dumps(dict(credentials))
    endpoint = options.endpoint or credentials.get("gcs_base_url", "")

    def store(silence: timedelta, most: int = MOST) -> GCSStore:
        try:
            with without_variables("GOOGLE_") if credentials else nullcontext():
                return GCSStore(
                    options.bucket,
                    config=config,  # type: ignore[arg-type] # a dictionary that is filled step by step
                    client_options=client_options(endpoint, user_agent=options.user_agent, silence=silence),
                    retry_config=retries(most),
                )
        except BaseError:
            # In fixed words: obstore quotes a key that it cannot read, as a list of bytes.
            if credentials:
                hint = _AS_BLOCK if options.credentials else _AS_MADE
                raise DriverError(origin, _NO_KEY + hint) from None
            raise DriverError("storage.gcs", _ENVIRONMENT) from None

    chosen = Options(
        "gcs",
        options.root,
        options.part_bytes,
        links_for=links_for if credentials else None,
        prompt=store(PROMPT),
        hasty=partial(store, PROMPT, AT_START),
    )
    # Google's service understands these requests of S3, too (Cloud Storage, "Interoperability").
    clients = S3Clients(
        {
            "region_name": "auto",
            "endpoint_url": endpoint or SERVICE,
            "addressing_style": "path",
            "user_agent": options.user_agent or AGENT,
        },
        Bearer(credentials),
    )
    unfinished = Unfinished(Multipart(options.bucket, clients, {}))
    return ObjectStoreDriver(
        store(patience(options.part_bytes)),
        chosen,
        every_name=S3Names(options.bucket, clients),
        unfinished=unfinished,
    )


def _key(file: str, origin: str) -> Mapping[str, str]:
    if not file:
        return {}
    try:
        found = json.loads(Path(file).read_text())
    except OSError as error:
        raise DriverError(origin, str(error.strerror)) from None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found:
        raise DriverError(
            origin, "is no key file of a service account: it holds no JSON object, or an empty one"
        )
    return found


def _check(credentials: Mapping[str, object], origin: str) -> None:
    """Raises DriverError unless what obstore reads is there, and is text."""
    for name in (*_NEEDED, "gcs_base_url"):
        value = credentials.get(name, "")
        if not isinstance(value, str):
            raise DriverError(origin, f"{name} must be text")
        if not value and name in _NEEDED:
            raise DriverError(origin, f"{name} is not set: take all of a service account's key file")
