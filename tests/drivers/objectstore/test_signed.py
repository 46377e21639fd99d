"""URLs that clients are sent to lead to the object, whatever the root directory is called, and tell nothing that is not for them."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from moorage.config import load
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.s3 import s3_driver
from moorage.storage import build_driver
from tests.drivers.objectstore.stores import LINKS, Service, driver_over, s3_options
from tests.stores.server import credentials, section
from tests.support.exchange import Answer, exchange
from tests.support.objectstores import S3, Azure, Gcs

NAMES = ("plain", "with space", "plus+and&", "ünïcode/日本", "a%20b", "x#y?z", "~(it's)")


def fetched(url: str, method: str = "GET") -> Answer:
    parts = urlsplit(url)
    return exchange(parts.netloc, method, f"{parts.path}?{parts.query}")


async def signed(driver: ObjectStoreDriver, method: str = "GET") -> str | None:
    await driver.write([("/a/data", b"what was asked for")])
    url = await driver.direct("/a/data", method, "")
    await driver.close()
    return url


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("store", ["rclone_store", "azurite_store"])
async def test_an_object_is_found_below_a_root_directory_of_any_name(
    store: str, name: str, request: pytest.FixtureRequest
) -> None:
    """Both compare signatures."""
    service: Service = request.getfixturevalue(store)
    url = await signed(driver_over(service, f"tests/{secrets.token_hex(6)}/{name}"))
    assert url is not None
    answer = fetched(url)
    assert (answer.status, answer.body) == (200, b"what was asked for"), answer.body


@pytest.mark.parametrize("name", [*NAMES, "back\\slash"])
async def test_google_is_never_asked_for_another_object_than_the_one_that_was_meant(
    gcs_store: Gcs, tmp_path: Path, name: str
) -> None:
    config = tmp_path / "config.yml"
    more = credentials(gcs_store, tmp_path / "key.json")
    storage = section(gcs_store, f"tests/{secrets.token_hex(6)}/{name}", **more)
    config.write_text(json.dumps({"version": 0.1, "storage": storage}))
    driver = build_driver(load(config, {}).configuration)
    assert isinstance(driver, ObjectStoreDriver)
    url = await signed(driver)
    assert url is None or fetched(url).body == b"what was asked for"
    assert (url is None) == any(letter in name for letter in "%#?\\")


async def test_a_client_of_azure_may_come_whatever_its_clock_and_ours_say(azurite_store: Azure) -> None:
    """A beginning that lies a moment ahead, for Azure's clock, makes it refuse the URL."""
    url = await signed(driver_over(azurite_store), "HEAD")
    assert url is not None
    assert fetched(url, "HEAD").status == 200
    query = parse_qs(urlsplit(url).query)
    assert "st" not in query
    assert query["sp"] == ["r"]


@pytest.mark.parametrize("store", ["moto_store", "azurite_store"])
async def test_a_user_and_a_password_of_the_endpoint_are_not_told_to_clients(
    store: str, request: pytest.FixtureRequest
) -> None:
    service: Service = request.getfixturevalue(store)
    endpoint = service.endpoint.replace("http://", "http://somebody:password@")
    url = await signed(driver_over(service, endpoint=endpoint))
    assert url is not None
    assert "password" not in url
    assert "somebody" not in url
    assert fetched(url).body == b"what was asked for"


async def test_nor_those_of_the_address_that_clients_know(moto_store: S3) -> None:
    options = replace(
        s3_options(moto_store, f"tests/{secrets.token_hex(6)}"), public_endpoint="https://u:p@images.example"
    )
    url = await signed(s3_driver(options, links_for=LINKS))
    assert url is not None
    assert urlsplit(url).netloc == "images.example"
