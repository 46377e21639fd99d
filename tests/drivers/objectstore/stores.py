"""Drivers over the object stores of the tests, each in a root directory of its own."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta

from moorage.drivers.objectstore.azure import AzureOptions, azure_driver
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.gcs import GcsOptions, gcs_driver
from moorage.drivers.objectstore.s3 import S3Options, s3_driver
from tests.support.objectstores import S3, Azure, Gcs

Service = S3 | Azure | Gcs
LINKS = timedelta(minutes=20)
DATA = "/u/data"
PIECE = 1 << 20


def s3_options(service: S3, root: str = "") -> S3Options:
    return S3Options(
        bucket=service.bucket,
        region=service.region,
        access_key=service.access_key,
        secret_key=service.secret_key,
        endpoint=service.endpoint,
        path_style=True,
        root=root,
    )


def driver_over(service: Service, root: str = "", *, endpoint: str = "") -> ObjectStoreDriver:
    """`endpoint`: of a proxy before the service."""
    root = root or f"tests/{secrets.token_hex(6)}"
    if endpoint:
        service = replace(service, endpoint=endpoint)
    if isinstance(service, S3):
        return s3_driver(s3_options(service, root), links_for=LINKS)
    if isinstance(service, Azure):
        options = AzureOptions(
            account=service.account,
            container=service.container,
            account_key=service.account_key,
            endpoint=service.endpoint,
            root=root,
        )
        return azure_driver(options, links_for=LINKS)
    return gcs_driver(
        GcsOptions(bucket=service.bucket, credentials=service.credentials(), root=root), links_for=LINKS
    )


async def uploaded(driver: ObjectStoreDriver, *segments: bytes) -> str:
    """The mark of an upload at `DATA` that came in as many requests."""
    mark = await driver.begin("", b"", "")
    for segment in segments:
        writer = await driver.writer(DATA, mark=mark)
        await writer.write([segment[at : at + PIECE] for at in range(0, len(segment), PIECE)])
        await writer.flush()
        mark = writer.mark
    return mark
