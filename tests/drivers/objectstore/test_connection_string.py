"""What a connection string of Azure says is what is used."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from moorage.drivers.objectstore.accounts import connection
from moorage.drivers.objectstore.azure import AzureOptions, azure_driver
from tests.drivers.objectstore.stores import LINKS
from tests.support.exchange import exchange
from tests.support.objectstores import Azure


def text(store: Azure) -> str:
    parts = {
        "DefaultEndpointsProtocol": "http",
        "AccountName": store.account,
        "AccountKey": store.account_key,
        "BlobEndpoint": f"{store.endpoint}/",
    }
    return "".join(f"{name}={value};" for name, value in parts.items())


def options(store: Azure, string: str) -> AzureOptions:
    root = f"tests/{secrets.token_hex(6)}"
    return AzureOptions(account="unused", container=store.container, connection_string=string, root=root)


@pytest.mark.parametrize("small", [False, True])
async def test_it_names_the_account_its_key_and_the_service(azurite_store: Azure, small: bool) -> None:
    string = text(azurite_store)
    if small:
        string = string.replace("AccountKey", "accountkey").replace("BlobEndpoint", " blobendpoint")
    driver = azure_driver(options(azurite_store, string), links_for=LINKS)
    await driver.write([("/a", b"1")])
    assert await driver.read("/a") == b"1"
    url = await driver.direct("/a", "GET", "")
    await driver.close()
    assert url is not None
    place, _, target = url.removeprefix("http://").partition("/")
    assert exchange(place, "GET", f"/{target}").body == b"1"


async def test_it_is_enough_without_the_name_of_the_account(azurite_store: Azure) -> None:
    driver = azure_driver(replace(options(azurite_store, text(azurite_store)), account=""), links_for=LINKS)
    await driver.write([("/a", b"1")])
    assert await driver.read("/a") == b"1"
    await driver.close()


async def test_with_a_shared_access_signature_nobody_is_sent_to_the_store(azurite_store: Azure) -> None:
    string = "AccountName=images;SharedAccessSignature=sv=2021-12-02&sig=c2ln&sp=r"
    driver = azure_driver(options(azurite_store, string), links_for=LINKS)
    assert await driver.direct("/a", "GET", "") is None
    await driver.close()
    assert connection(string)["SharedAccessSignature"] == "sv=2021-12-02&sig=c2ln&sp=r"


async def test_the_secret_of_an_application_comes_before_its_key(azurite_store: Azure) -> None:
    """Its URLs could be signed, but not in the name of who was chosen."""
    chosen = replace(
        options(azurite_store, text(azurite_store)), client_id="i", tenant_id="t", client_secret="s"
    )
    driver = azure_driver(chosen, links_for=LINKS)
    assert await driver.direct("/a", "GET", "") is None
    await driver.close()
