"""Which address S3 is spoken to at, and which one clients get."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from moorage import __version__
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
        (replace(AMAZON, root="/some/where/"), "https://images.s3.eu-central-1.amazonaws.com/some/where/a/b"),
        (replace(AMAZON, endpoint="http://minio:9000", path_style=True), "http://minio:9000/images/a/b"),
        (replace(AMAZON, endpoint="http://minio:9000"), "http://images.minio:9000/a/b"),
    ],
)
async def test_an_object_has_the_address_that_the_options_tell(options: S3Options, expected: str) -> None:
    assert await host(options) == expected


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
    assert len(calls) == 4
    # botocore adds itself behind it.
    assert {call.head.header("user-agent").partition(" Botocore/")[0] for call in calls} == {expected}
