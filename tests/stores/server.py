"""A Moorage server over an object store, from a configuration file as an operator writes it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from tests.support.objectstores import S3, Azure, Gcs
from tests.support.ports import free_port
from tests.support.server import Server, moorage_command

Service = S3 | Azure | Gcs
SECRET = "a secret of several replicas"


def section(service: Service, root: str, **more: object) -> dict[str, object]:
    """The part of `storage` that names the driver."""
    if isinstance(service, S3):
        return {
            "s3": {
                "bucket": service.bucket,
                "region": service.region,
                "regionendpoint": service.endpoint,
                "accesskey": service.access_key,
                "secretkey": service.secret_key,
                "rootdirectory": root,
                **more,
            }
        }
    if isinstance(service, Azure):
        return {
            "azure": {
                "accountname": service.account,
                "accountkey": service.account_key,
                "container": service.container,
                "serviceurl": service.endpoint,
                "rootdirectory": root,
                **more,
            }
        }
    return {"gcs": {"bucket": service.bucket, "rootdirectory": root, **more}}


def credentials(service: Service, file: Path) -> dict[str, object]:
    """Keys of the driver for credentials that have a file of their own, which is written."""
    if not isinstance(service, Gcs):
        return {}
    file.write_text(json.dumps(service.credentials()))
    return {"keyfile": str(file)}


def store_server(
    folder: Path,
    service: Service,
    *,
    root: str = "",
    redirect: bool = False,
    workers: int = 1,
    endpoint: str = "",
    delete: bool = True,
    cache: str = "inmemory",
    redis: Mapping[str, object] = MappingProxyType({}),
    secret: str = "",
    middleware: Sequence[Mapping[str, object]] = (),
    **more: object,
) -> Server:
    """Not yet started. `endpoint`: of a proxy before the service; `middleware`: entries of `middleware.storage`; `more`: keys
    of the driver. Without a `secret`, one is kept in the store, and the first server on a folder waits for a second whether
    another one makes it at the same moment."""
    folder.mkdir(parents=True, exist_ok=True)
    root = root or f"servers/{secrets.token_hex(6)}"
    if endpoint:
        service = replace(service, endpoint=endpoint)
    more = {**credentials(service, folder / "key.json"), **more}
    port = free_port()
    config = folder / "config.yml"
    storage = {
        **section(service, root, **more),
        "delete": {"enabled": delete},
        "cache": {"blobdescriptor": cache},
        "redirect": {"disable": not redirect},
        # It would begin at a moment within the first hour that nobody knows, and be seen in logs and counts.
        "maintenance": {"uploadpurging": {"enabled": False}},
    }
    # JSON is YAML.
    config.write_text(
        json.dumps(
            {
                "version": "0.1",
                "log": {"level": "info"},
                "storage": storage,
                "middleware": {"storage": list(middleware)},
                "redis": dict(redis),
                "http": {
                    "addr": f"127.0.0.1:{port}",
                    "workers": workers,
                    **({"secret": secret} if secret else {}),
                },
                "health": {"storagedriver": {"enabled": False}},
            }
        )
    )
    return Server(moorage_command("serve", str(config)), port, folder, folder / "moorage.log", {})
