"""Which address S3 is spoken to at, and which one clients get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from moorage import __version__
from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.s3 import S3Options, s3_driver
from tests.drivers.objectstore.stores import LINKS, s3_options
from tests.support.objectstores import S3
from tests.support.storeproxy import StoreProxy

AMAZON = S3Options(bucket="images", region="eu-central-1", access_key="key", secret_key="secret")


async def host(options: S3Options) -> str:
    driver = s3_driver(options, links_for=LINKS)
    url = await driver.direct("/a/b", "GET", "")
    await driver.close()
    assert url is not None
    return f"{urlsplit(url).scheme}://{urlsplit(url).netloc}{urlsplit(url).path}"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (AMAZON, "https://images.s3.eu-central-1.amazonaws.com/a/b"),
        (replace(AMAZON, path_style=True), "https://s3.eu-central-1.amazonaws.com/images/a/b"),
        (replace(AMAZON, secure=False), "http://images.s3.eu-central-1.amazonaws.com/a/b"),
        (replace(AMAZON, dual_stack=True), "https://images.s3.dualstack.eu-central-1.amazonaws.com/a/b"),
        (replace(AMAZON, fips=True), "https://images.s3-fips.eu-central-1.amazonaws.com/a/b"),
        (replace(AMAZON, accelerate=True), "https://images.s3-accelerate.amazonaws.com/a/b"),
        (replace(AMAZON, region="cn-north-1"), "https://images.s3.cn-north-1.amazonaws.com.cn/a/b"),
        (replace(AMAZON, region="us-gov-west-1"), "https://images.s3.us-gov-west-1.amazonaws.com/a/b"),
        (replace(AMAZON, region="eusc-de-east-1"), "https://images.s3.eusc-de-east-1.amazonaws.eu/a/b"),
        (replace(AMAZON, region="us-iso-east-1"), "https://images.s3.us-iso-east-1.c2s.ic.gov/a/b"),
        (replace(AMAZON, region="us-isob-east-1"), "https://images.s3.us-isob-east-1.sc2s.sgov.gov/a/b"),
        # A certificate for *.s3.eu-central-1.amazonaws.com is none for a name with a dot.
        (replace(AMAZON, bucket="my.images"), "https://s3.eu-central-1.amazonaws.com/my.images/a/b"),
        (replace(AMAZON, bucket="My_Images"), "https://s3.eu-central-1.amazonaws.com/My_Images/a/b"),
        (
            replace(AMAZON, bucket="my.images", secure=False),
            "http://my.images.s3.eu-central-1.amazonaws.com/a/b",
        ),
        (
            replace(
                AMAZON,
                bucket="my.images",
                endpoint="http://minio:9000",
                public_endpoint="https://cdn.example",
            ),
            "https://cdn.example/my.images/a/b",
        ),
        (replace(AMAZON, root="/some/where/"), "https://images.s3.eu-central-1.amazonaws.com/some/where/a/b"),
        (replace(AMAZON, endpoint="http://minio:9000", path_style=True), "http://minio:9000/images/a/b"),
        (replace(AMAZON, endpoint="HTTP://minio:9000/", path_style=True), "http://minio:9000/images/a/b"),
        (replace(AMAZON, endpoint="http://minio:9000"), "http://images.minio:9000/a/b"),
        # An address has no names below it.
        (replace(AMAZON, endpoint="http://127.0.0.1:9000"), "http://127.0.0.1:9000/images/a/b"),
        (replace(AMAZON, endpoint="https://10.1.2.3"), "https://10.1.2.3/images/a/b"),
        (replace(AMAZON, endpoint="http://[::1]:9000"), "http://[::1]:9000/images/a/b"),
    ],
)
async def test_an_object_has_the_address_that_the_options_tell(options: S3Options, expected: str) -> None:
    assert await host(options) == expected


@pytest.mark.parametrize(
    "region", ["us-east-1", "cn-north-1", "eusc-de-east-1", "us-isof-south-1", "eu-isoe-west-1"]
)
def test_amazon_has_the_addresses_that_its_own_library_knows(region: str) -> None:
    ours = replace(AMAZON, region=region).service
    theirs = boto3.client("s3", region_name=region, aws_access_key_id="key", aws_secret_access_key="secret")
    assert theirs.meta.endpoint_url in (ours, "https://s3.amazonaws.com")


async def test_a_scheme_in_capitals_is_the_same_scheme(moto_store: S3) -> None:
    endpoint = moto_store.endpoint.replace("http://", "HTTP://")
    driver = s3_driver(replace(s3_options(moto_store, "tests/capitals"), endpoint=endpoint), links_for=LINKS)
    await driver.write([("/a", b"1")])
    assert await driver.read("/a") == b"1"
    await driver.close()


async def test_a_bucket_of_a_service_at_an_address_is_reached_without_path_style(moto_store: S3) -> None:
    options = replace(s3_options(moto_store, "tests/address"), path_style=False)
    driver = s3_driver(options, links_for=LINKS)
    assert not await driver.is_folder("/a")
    await driver.write([("/a/b", b"1")])
    assert await driver.read("/a/b") == b"1"
    await driver.close()


@pytest.mark.parametrize("more", [{"bucket": "my.images"}, {"path_style": True}])
def test_transfer_acceleration_needs_the_bucket_in_the_host(more: Mapping[str, Any]) -> None:
    with pytest.raises(DriverError, match=r"storage\.s3\.accelerate: .* host"):
        s3_driver(replace(AMAZON, accelerate=True, **more), links_for=LINKS)


async def test_clients_get_the_name_they_know_while_uploads_use_the_other_one(moto_store: S3) -> None:
    options = replace(s3_options(moto_store, "tests/public"), public_endpoint="https://images.example.com")
    driver = s3_driver(options, links_for=LINKS)
    await driver.write([("/a", b"written inside")])
    assert await driver.read("/a") == b"written inside"
    url = await driver.direct("/a", "GET", "")
    assert url is not None
    assert url.startswith("https://images.example.com/moorage/tests/public/a?")
    assert "X-Amz-Signature=" in url
    await driver.close()


@pytest.mark.parametrize(
    ("agent", "expected"), [("", f"moorage/{__version__}"), ("build farm/7", "build farm/7")]
)
async def test_every_request_names_the_agent_whichever_library_makes_it(
    moto_store: S3, proxy: StoreProxy, agent: str, expected: str
) -> None:
    options = s3_options(replace(moto_store, endpoint=proxy.endpoint), f"tests/{agent[:5] or 'agent'}")
    driver = s3_driver(replace(options, user_agent=agent, acl="public-read"), links_for=LINKS)
    with proxy.counted() as calls:
        await driver.write([("/by-boto3", b"1")])
        await driver.read("/by-boto3")
        await driver.abandoned(["/u"], 0.0, remove=False)
        writer = await driver.writer("/u/data", mark="0")
        await writer.write([b"2"])
        await writer.flush()
    await driver.close()
    assert len(calls) == 5
    # botocore adds itself behind it.
    assert {call.head.header("user-agent").partition(" Botocore/")[0] for call in calls} == {expected}
