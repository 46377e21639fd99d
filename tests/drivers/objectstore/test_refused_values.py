"""Values that obstore refuses, or panics at, are told in one line that names the key and quotes nothing secret."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.azure import AzureOptions, azure_driver
from moorage.drivers.objectstore.characters import folders
from moorage.drivers.objectstore.gcs import GcsOptions, gcs_driver
from moorage.drivers.objectstore.network import LONGEST, retries
from moorage.drivers.objectstore.s3 import S3Options, s3_driver
from tests.support.ports import free_port

AMAZON = S3Options(bucket="images", region="eu-central-1", access_key="key", secret_key="secret")
AZURE = AzureOptions(account="account", container="images", account_key="a2V5")
KEY = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    .decode()
)
ACCOUNT = {"type": "service_account", "client_email": "e", "private_key_id": "i", "private_key": KEY}
SAS = "BlobEndpoint=http://127.0.0.1:1;SharedAccessSignature"
PEM = "storage.gcs.credentials: private_key is no RSA key in PEM with its line breaks"


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (replace(AMAZON, bucket="my images"), "bucket"),
        (replace(AMAZON, region="eu-central-1\n"), "region"),
        (replace(AMAZON, access_key="key\n"), "accesskey"),
        (replace(AMAZON, secret_key="secret\n"), "secretkey"),
        (replace(AMAZON, session_token="token\n"), "sessiontoken"),
        (replace(AMAZON, user_agent="a\nb"), "useragent"),
        (replace(AMAZON, user_agent="é"), "useragent"),
    ],
)
def test_s3_values_that_cannot_be_sent(options: S3Options, key: str) -> None:
    with pytest.raises(DriverError, match=rf"^storage\.s3\.{key}: [^\n]+$") as told:
        s3_driver(options, links_for=None)
    assert "secret\n" not in str(told.value)


@pytest.mark.parametrize("root", [".", "./images", "a/../b", "a\nb", "a\x7f", "a\xa0b"])
def test_a_root_directory_that_no_path_can_begin_with(root: str) -> None:
    """It is told by its key, before the store is asked."""
    told = r"^storage\.{}\.rootdirectory: must be names between slashes[^\n]+$"
    with pytest.raises(DriverError, match=told.format("s3")):
        s3_driver(replace(AMAZON, root=root), links_for=None)
    with pytest.raises(DriverError, match=told.format("azure")):
        azure_driver(replace(AZURE, root=root), links_for=None)
    with pytest.raises(DriverError, match=told.format("gcs")):
        gcs_driver(GcsOptions(bucket="images", credentials=ACCOUNT, root=root), links_for=None)


async def test_s3_values_with_spaces_and_letters_where_they_may_be() -> None:
    options = replace(AMAZON, user_agent="our registry", secret_key="a secret with é")
    await s3_driver(options, links_for=None).close()


def test_a_profile_of_amazon_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "elsewhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DriverError, match=r"^storage\.s3: no credentials: .*elsewhere[^\n]*$"):
        s3_driver(replace(AMAZON, access_key=""), links_for=None)


async def test_a_panic_of_obstore_is_an_error_of_the_storage() -> None:
    """Here of a name that only the request finds unusable."""
    driver = s3_driver(
        replace(AMAZON, bucket="a<b", endpoint=f"http://127.0.0.1:{free_port()}", path_style=True),
        links_for=None,
    )
    for call in (driver.read("/a"), driver.is_folder("/a"), driver.children("/a"), driver.stat("/a")):
        with pytest.raises(DriverError, match=r"obstore panicked"):
            await call
    await driver.close()


async def test_user_and_password_of_an_endpoint_are_not_told() -> None:
    options = replace(AMAZON, endpoint=f"http://user:hidden@127.0.0.1:{free_port()}", path_style=True)
    driver = s3_driver(options, links_for=None)
    with pytest.raises(DriverError, match=r"http://\*\*\*@127\.0\.0\.1:\d+/images") as told:
        await driver.is_folder("/a")
    assert "hidden" not in str(told.value)
    await driver.close()


async def test_user_and_password_of_an_endpoint_stay_before_a_bucket_in_its_host() -> None:
    options = replace(AMAZON, endpoint=f"http://user:hidden@localhost:{free_port()}")
    driver = s3_driver(options, links_for=None)
    with pytest.raises(DriverError, match=r"http://\*\*\*@images\.localhost:\d+/"):
        await driver.is_folder("/a")
    await driver.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (replace(AZURE, account="my account"), "storage.azure.accountname: "),
        (replace(AZURE, account_key="%%%"), "storage.azure.accountkey: "),
        (replace(AZURE, account_key="YWJj YWJj"), "storage.azure.accountkey: "),
        (replace(AZURE, account_key="YR=="), "storage.azure.accountkey: "),
        (replace(AZURE, connection_string="AccountKey=%%%"), "storage.azure.connectionstring: "),
        (replace(AZURE, account_key="", connection_string=f"{SAS}=%%%"), "storage.azure.connectionstring: "),
        (
            replace(AZURE, account_key="", connection_string=f"{SAS}=sv=1&sig=%FF&x"),
            "storage.azure.connectionstring: ",
        ),
        (replace(AZURE, connection_string="EndpointSuffix=a b"), "storage.azure.connectionstring: "),
        (
            replace(AZURE, connection_string="BlobEndpoint=http://a/images?sv=hidden"),
            "storage.azure.connectionstring: ",
        ),
        (replace(AZURE, endpoint="http://user:hidden@a..b c"), "storage.azure.serviceurl: "),
    ],
)
def test_azure_values_that_are_refused(options: AzureOptions, told: str) -> None:
    with pytest.raises(DriverError) as error:
        azure_driver(options, links_for=None)
    assert str(error.value).startswith(told)
    assert "\n" not in str(error.value)
    for quoted in ("%", "hidden", "YWJj", "YR"):
        assert quoted not in str(error.value)


async def test_line_breaks_around_azures_keys_do_not_matter() -> None:
    """As in Docker Registry: Go's base64 leaves them out."""
    await azure_driver(replace(AZURE, account_key="a2V5\n"), links_for=None).close()
    options = replace(AZURE, account_key="", connection_string="AccountName=a;AccountKey=a2V5\r\n")
    await azure_driver(options, links_for=None).close()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"private_key": KEY.replace("\n", " ")}, PEM),
        ({"private_key": KEY.replace("\n", "\\n")}, PEM),
        ({"private_key": KEY[:100] + KEY[200:]}, PEM),
        ({"private_key": "nonsense"}, PEM),
        ({"private_key": ""}, "storage.gcs.credentials: private_key is not set"),
        ({"client_email": ""}, "storage.gcs.credentials: client_email is not set"),
    ],
    ids=["spaces", "escapes", "cut", "nonsense", "empty", "nobody"],
)
def test_a_private_key_of_google_that_is_refused(changed: dict[str, str], told: str) -> None:
    with pytest.raises(DriverError) as error:
        gcs_driver(GcsOptions("images", credentials={**ACCOUNT, **changed}), links_for=None)
    assert str(error.value).startswith(told)
    assert "\n" not in str(error.value)
    assert error.value.__context__ is None or error.value.__suppress_context__, (
        "a traceback would quote the key"
    )
    for quoted in (KEY.split("\n")[5], ", ".join(str(byte) for byte in KEY.encode()[60:66])):
        assert quoted not in str(error.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file or directory"),
        (b"\xff\xfe", "is no key file of a service account"),
        (b"{", "is no key file of a service account"),
        (b"[]", "is no key file of a service account"),
        (b"{}", "is no key file of a service account"),
        (json.dumps({**ACCOUNT, "gcs_base_url": 7}).encode(), "gcs_base_url must be text"),
        (json.dumps({**ACCOUNT, "private_key": 7}).encode(), "private_key must be text"),
        (json.dumps({"type": "authorized_user"}).encode(), "private_key is not set"),
        (json.dumps({**ACCOUNT, "private_key": KEY.replace("\n", " ")}).encode(), "private_key is no RSA"),
    ],
    ids=["missing", "binary", "cut", "list", "nothing", "address", "number", "user", "key"],
)
def test_a_key_file_of_google_that_is_refused(tmp_path: Path, content: bytes | None, told: str) -> None:
    file = tmp_path / "key.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DriverError) as error:
        gcs_driver(GcsOptions("images", key_file=str(file)), links_for=None)
    assert str(error.value).startswith(f"storage.gcs.keyfile: {file}: {told}")
    assert "\n" not in str(error.value)


def test_credentials_of_googles_environment_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps({**ACCOUNT, "private_key": KEY.replace("\n", " ")}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with pytest.raises(DriverError, match=r"^storage\.gcs: [^\n]*GOOGLE_APPLICATION_CREDENTIALS[^\n]*$"):
        gcs_driver(GcsOptions("images"), links_for=None)


def test_a_user_agent_that_cannot_be_sent_to_google() -> None:
    with pytest.raises(DriverError, match=r"^storage\.gcs\.useragent: [^\n]+$"):
        gcs_driver(GcsOptions("images", credentials=ACCOUNT, user_agent="a\nb"), links_for=None)


async def test_a_first_pause_above_the_longest_one_is_that_one_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert retries(5, timedelta(minutes=2))["backoff"]["init_backoff"] == LONGEST
    options = AzureOptions("acct", "images", account_key="a2V5", first_pause=timedelta(minutes=2))
    await azure_driver(options, links_for=None).close()
    assert [vars(record)["key"] for record in caplog.records] == ["storage.azure.retry_delay"]


async def test_a_root_directory_with_an_empty_name_in_it_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Docker Registry looks below `a//b`, Moorage below `a/b`."""
    for root in ("a/b", "/a/b/", "/", "", "//a//"):
        folders("storage.s3", root)
    assert caplog.records == []
    folders("storage.s3", "a//b")
    assert [vars(record)["key"] for record in caplog.records] == ["storage.s3.rootdirectory"]
