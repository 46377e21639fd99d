"""What the configuration says comes before what the environment of the process says."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.azure import AzureOptions, azure_driver
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.gcs import GcsOptions, gcs_driver
from tests.drivers.objectstore.instead import Instead, instead
from tests.drivers.objectstore.stores import Service, driver_over
from tests.support.objectstores import S3, Azure, Gcs

CONFUSING = {
    "moto_store": {
        "AWS_SESSION_TOKEN": "stale",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_SERVER_SIDE_ENCRYPTION": "aws:kms",
        "AWS_REQUEST_PAYER": "true",
    },
    "azurite_store": {
        "AZURE_STORAGE_TOKEN": "stale",
        "AZURE_STORAGE_SAS_KEY": "sv=1&sig=x",
        "AZURE_STORAGE_ACCOUNT_NAME": "other",
        "AZURE_CONTAINER_NAME": "other",
    },
    "gcs_store": {
        "GOOGLE_SERVICE_ACCOUNT": "/nonexistent",
        "GOOGLE_APPLICATION_CREDENTIALS": "/nonexistent",
        "GOOGLE_BUCKET": "other",
        "GOOGLE_SKIP_SIGNATURE": "true",
    },
}


@pytest.mark.parametrize("store", CONFUSING)
async def test_variables_change_nothing_that_is_configured(
    store: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    service: Service = request.getfixturevalue(store)
    for name, value in CONFUSING[store].items():
        monkeypatch.setenv(name, value)
    driver = driver_over(service)
    await driver.write([("/a", b"1")])
    assert await driver.read("/a") == b"1"
    signed = await driver.direct("/a", "GET", "")
    assert signed is not None
    assert "stale" not in signed
    await driver.close()
    for name, value in CONFUSING[store].items():
        assert os.environ[name] == value


async def test_the_secret_of_an_application_comes_before_a_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A token is asked for with it, where the environment says."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "b3RoZXI=")
    options = AzureOptions(account="a", container="c", client_id="i", tenant_id="t", client_secret="s")
    answer = Instead(401, b"")
    async with instead(answer) as address:
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", address)
        driver = azure_driver(replace(options, endpoint=f"{address}/a", tries=0), links_for=None)
        with pytest.raises(DriverError):
            await driver.read("/a")
        await driver.close()
    assert answer.asked == ["/t/oauth2/v2.0/token"]


async def works(driver: ObjectStoreDriver) -> None:
    await driver.write([("/a", b"1")])
    assert await driver.read("/a") == b"1"
    await driver.close()


async def test_without_credentials_of_azure_in_the_configuration_the_environment_is_asked(
    azurite_store: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", azurite_store.account_key)
    await works(driver_over(replace(azurite_store, account_key="")))


async def test_without_credentials_of_s3_in_the_configuration_the_environment_is_asked(
    rclone_store: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This store compares signatures."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", rclone_store.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", rclone_store.secret_key)
    await works(driver_over(replace(rclone_store, access_key="", secret_key="")))


async def test_without_credentials_of_s3_in_the_configuration_a_profile_is_taken(
    rclone_store: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "credentials"
    file.write_text(
        f"[team]\naws_access_key_id = {rclone_store.access_key}\naws_secret_access_key = {rclone_store.secret_key}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "team")
    await works(driver_over(replace(rclone_store, access_key="", secret_key="")))


async def test_without_credentials_of_google_in_the_configuration_the_file_of_the_environment_is_read(
    gcs_store: Gcs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(gcs_store.credentials()))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    options = GcsOptions(bucket=gcs_store.bucket, root=f"tests/{tmp_path.name}", endpoint=gcs_store.endpoint)
    await works(gcs_driver(options, links_for=None))
