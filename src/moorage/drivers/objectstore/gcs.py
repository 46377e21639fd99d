"""Google Cloud Storage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from obstore.store import GCSStore

from moorage.drivers.objectstore.driver import ObjectStoreDriver, Options
from moorage.drivers.objectstore.network import client_options, retries


@dataclass(frozen=True)
class GcsOptions:
    """The keys of `storage.gcs` (Docker Registry, "Google Cloud Storage driver"). Without a key file or credentials, the
    usual chain is asked: the environment, the file that gcloud writes, the machine's service account."""

    bucket: str
    key_file: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict)
    root: str = ""
    part_bytes: int = 5 << 20
    user_agent: str = ""
    endpoint: str = ""


def gcs_driver(options: GcsOptions, *, links_for: timedelta | None) -> ObjectStoreDriver:
    """Makes no call. Clients are sent to the store only where there is a private key to sign with."""
    config: dict[str, Any] = {}
    if options.endpoint:
        config["base_url"] = options.endpoint
    if options.credentials:
        config["service_account_key"] = json.dumps(dict(options.credentials))
    elif options.key_file:
        config["service_account"] = options.key_file
    store = GCSStore(
        options.bucket,
        config=config,  # type: ignore[arg-type] # a dictionary that is filled step by step
        client_options=client_options(
            options.endpoint or options.credentials.get("gcs_base_url", ""), user_agent=options.user_agent
        ),
        retry_config=retries(),
    )
    signs = options.credentials or options.key_file
    return ObjectStoreDriver(
        store, Options("gcs", options.root, options.part_bytes, links_for=links_for if signs else None)
    )
