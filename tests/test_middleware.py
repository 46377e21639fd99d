"""Storage middleware as the configuration names it: the order, what is left out, and mistakes that are found at the start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from moorage.config import load
from moorage.drivers.base import Driver, DriverError
from moorage.drivers.cloudfront import CloudFront
from moorage.drivers.inmemory import InMemoryDriver
from moorage.middleware import wrap
from moorage.storage import build_driver
from moorage.tasks import Work
from tests.support.cloudfront import KEY_PAIR, pem, verified

BLOB = "/docker/registry/v2/blobs/sha256/ab/abcdef/data"
S3 = {"bucket": "images", "region": "us-east-1", "accesskey": "a", "secretkey": "b", "rootdirectory": "root"}

Entry = Mapping[str, object]


def entry(name: str, *, disabled: bool = False, **options: object) -> Entry:
    return {"name": name, "disabled": disabled, "options": options}


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(pem())
    return path


def cloudfront(key: Path, **options: object) -> Entry:
    needed = {"baseurl": "cdn.example", "privatekey": str(key), "keypairid": KEY_PAIR}
    return {"name": "cloudfront", "options": {**needed, **options}}


def wrapped(
    folder: Path, *entries: Entry, s3: bool = False, disable: bool = False
) -> tuple[Driver, list[Work]]:
    storage = {"s3": S3} if s3 else {"inmemory": {}}
    file = folder / "config.yml"
    file.write_text(
        json.dumps(
            {
                "version": "0.1",
                "storage": {**storage, "redirect": {"disable": disable}},
                "middleware": {"storage": entries},
            }
        )
    )
    configuration = load(file, {}).configuration
    return wrap(build_driver(configuration), configuration)


async def url(driver: Driver, client: str = "") -> str | None:
    found = await driver.direct(BLOB, "GET", client)
    await driver.close()
    return found


def test_without_middleware_the_driver_stays_as_it_is(tmp_path: Path) -> None:
    driver, work = wrapped(tmp_path)
    assert isinstance(driver, InMemoryDriver)
    assert work == []


async def test_later_entries_are_around_earlier_ones(tmp_path: Path) -> None:
    first, second = (
        entry("redirect", baseurl="https://first.example"),
        entry("rewrite", host="second.example"),
    )
    driver, _ = wrapped(tmp_path, first, second)
    assert await url(driver) == f"https://second.example{BLOB}"
    driver, _ = wrapped(tmp_path, second, first)
    assert await url(driver) == f"https://first.example{BLOB}"


async def test_what_is_disabled_is_left_out(tmp_path: Path) -> None:
    redirect = entry("redirect", baseurl="https://cdn.example")
    driver, _ = wrapped(tmp_path, redirect, entry("rewrite", host="other.example", disabled=True))
    assert await url(driver) == f"https://cdn.example{BLOB}"


async def test_a_rewrite_redirects_nobody_whom_the_driver_does_not(tmp_path: Path) -> None:
    driver, _ = wrapped(tmp_path, entry("rewrite", host="cdn.example"))
    assert not driver.redirects
    assert await url(driver) is None
    driver, _ = wrapped(tmp_path, entry("redirect", baseurl="https://cdn.example"))
    assert driver.redirects


async def test_cloudfront_signs_for_the_key_of_the_object(tmp_path: Path, key: Path) -> None:
    driver, work = wrapped(tmp_path, cloudfront(key), s3=True)
    assert verified(await url(driver))[0] == f"https://cdn.example/root{BLOB}"
    assert work == []


async def test_cloudfront_may_be_around_another_entry(tmp_path: Path, key: Path) -> None:
    driver, _ = wrapped(tmp_path, entry("rewrite", host="inner.example"), cloudfront(key), s3=True)
    assert verified(await url(driver))[0] == f"https://cdn.example/root{BLOB}"


def test_cloudfront_is_left_out_where_no_bucket_of_s3_is_behind_it(tmp_path: Path, key: Path) -> None:
    driver, work = wrapped(tmp_path, cloudfront(key, ipfilteredby="aws"))
    assert isinstance(driver, InMemoryDriver)
    assert work == []


@pytest.mark.parametrize("chosen", ["aws", "awsregion"])
def test_a_filter_is_work_that_goes_on(tmp_path: Path, key: Path, chosen: str) -> None:
    driver, work = wrapped(tmp_path, cloudfront(key, ipfilteredby=chosen, awsregion="eu-central-1"), s3=True)
    assert isinstance(driver, CloudFront)
    assert len(work) == 1


async def test_without_redirects_the_driver_stays_as_it_is(tmp_path: Path, key: Path) -> None:
    driver, work = wrapped(tmp_path, cloudfront(key, ipfilteredby="aws"), s3=True, disable=True)
    assert not driver.redirects
    assert await url(driver) is None
    assert work == []


def refused(folder: Path, *entries: Entry, disable: bool = False) -> str:
    with pytest.raises(DriverError) as caught:
        wrapped(folder, *entries, s3=True, disable=disable)
    return str(caught.value)


@pytest.mark.parametrize("disable", [False, True])
def test_a_key_that_cannot_be_read(tmp_path: Path, disable: bool) -> None:
    missing, off = tmp_path / "missing.pem", entry("rewrite", disabled=True)
    said = refused(tmp_path, off, cloudfront(missing), disable=disable)
    assert said == (
        f"middleware.storage[1].options.privatekey: cannot read {missing}: No such file or directory"
    )
    assert refused(tmp_path, cloudfront(tmp_path)).endswith(f"cannot read {tmp_path}: Is a directory")


def test_a_file_that_is_no_key(tmp_path: Path, key: Path) -> None:
    key.write_bytes(pem().replace(b"MII", b"XII", 1))
    said = refused(tmp_path, cloudfront(key))
    assert said == (
        f"middleware.storage[0].options.privatekey: {key}: "
        "the private key is not a PEM file without a password"
    )


def test_what_is_no_host(tmp_path: Path) -> None:
    said = refused(tmp_path, entry("rewrite", host="https://cdn.example"))
    assert said == (
        "middleware.storage[0].options: host must be the host alone, with its port or not, such as cdn.example.com, not "
        "'https://cdn.example': the scheme has an option of its own, scheme"
    )


def test_a_base_url_of_which_something_would_be_dropped(tmp_path: Path) -> None:
    said = refused(tmp_path, entry("redirect", baseurl="https://files.example/images?x=1"))
    assert said == (
        "middleware.storage[0].options.baseurl: only its scheme, host, port and path can be used: remove the query"
    )
