"""Google Cloud Storage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from obstore.store import GCSStore

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.driver import ObjectStoreDriver, Options
from moorage.drivers.objectstore.network import PROMPT, client_options, patience, retries


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
    DriverError for a key file that cannot be read."""
    config: dict[str, Any] = {}
    if options.endpoint:
        config["base_url"] = options.endpoint
    credentials = options.credentials or _key(options.key_file)
    if credentials:
        config["service_account_key"] = json.dumps(dict(credentials))
    endpoint = options.endpoint or credentials.get("gcs_base_url", "")

    def store(silence: timedelta) -> GCSStore:
        return GCSStore(
            options.bucket,
            config=config,  # type: ignore[arg-type] # a dictionary that is filled step by step
            client_options=client_options(endpoint, user_agent=options.user_agent, silence=silence),
            retry_config=retries(),
        )

    chosen = Options(
        "gcs",
        options.root,
        options.part_bytes,
        links_for=links_for if credentials else None,
        prompt=store(PROMPT),
    )
    return ObjectStoreDriver(store(patience(options.part_bytes)), chosen)


def _key(file: str) -> Mapping[str, str]:
    if not file:
        return {}
    try:
        found = json.loads(Path(file).read_text())
    except (OSError, ValueError) as error:
        raise DriverError(file, f"not a key file: {error}") from None
    if not isinstance(found, dict):
        raise DriverError(file, "not a key file: it holds no JSON object")
    return found
