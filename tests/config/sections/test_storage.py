import pytest
from pydantic import ValidationError

from moorage.config.schema import keys
from moorage.config.sections.clouds import Azure, Gcs
from moorage.config.sections.drivers import Filesystem, Inmemory
from moorage.config.sections.s3 import S3
from moorage.config.sections.storage import DRIVERS, Storage


def test_the_driver_is_the_one_that_is_there() -> None:
    filesystem = Filesystem(rootdirectory="/x")
    assert Storage(filesystem=filesystem).driver == ("filesystem", filesystem)
    assert Storage(inmemory=Inmemory()).driver.name == "inmemory"


def test_every_driver_has_a_key() -> None:
    assert set(DRIVERS) <= keys(Storage).keys()


@pytest.mark.parametrize("found", [{}, {"filesystem": {}, "inmemory": {}}])
def test_a_model_too_is_made_with_one_driver_only(found: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="exactly one driver"):
        Storage.model_validate(found)


@pytest.mark.parametrize(
    ("kind", "key"), [("shared_key", "accountkey"), ("client_secret", "credentials.secret")]
)
def test_a_kind_of_credentials_of_azure_needs_them(kind: str, key: str) -> None:
    with pytest.raises(ValidationError, match=f"credentials.type is {kind}: set {key}"):
        Azure.model_validate({"accountname": "a", "container": "c", "credentials": {"type": kind}})


@pytest.mark.parametrize("kind", [None, "client_secret"])
@pytest.mark.parametrize("missing", ["clientid", "tenantid"])
def test_a_secret_of_azure_needs_its_application(kind: str | None, missing: str) -> None:
    credentials = {"type": kind, "clientid": "i", "tenantid": "t", "secret": "s"}
    Azure.model_validate({"accountname": "a", "container": "c", "credentials": credentials})
    del credentials[missing]
    with pytest.raises(ValidationError, match=f"set credentials.{missing}"):
        Azure.model_validate({"accountname": "a", "container": "c", "credentials": credentials})


@pytest.mark.parametrize(
    ("string", "enough"),
    [
        ("AccountName=acct;AccountKey=a2V5", True),
        ("AccountKey=a2V5; accountname=acct", True),
        ("AccountKey=a2V5", False),
        ("AccountKey=a2V5;AccountName=;", False),
        ("BlobEndpoint=https://h;SharedAccessSignature=AccountName=x", False),
    ],
)
def test_azure_needs_an_account_or_a_connection_string_that_names_it(string: str, enough: bool) -> None:
    given = {"container": "c", "connectionstring": string}
    if enough:
        Azure.model_validate(given)
    else:
        with pytest.raises(
            ValidationError, match="needs accountname, or a connectionstring with AccountName"
        ):
            Azure.model_validate(given)
    Azure.model_validate({**given, "accountname": "acct"})


def test_s3_needs_a_region_or_an_endpoint() -> None:
    with pytest.raises(ValidationError, match="needs region"):
        S3(bucket="b")
    assert S3(bucket="b", regionendpoint="http://minio:9000").region is None


@pytest.mark.parametrize(
    ("given", "secure", "taken"),
    [
        ("minio:9000", False, "http://minio:9000"),
        ("minio:9000", True, "https://minio:9000"),
        ("http://minio:9000", True, "http://minio:9000"),
    ],
)
def test_an_endpoint_may_be_a_host_alone(given: str, secure: bool, taken: str) -> None:
    found = S3.model_validate({"bucket": "b", "regionendpoint": given, "secure": secure})
    assert found.regionendpoint == taken


def test_s3_needs_both_keys_or_none() -> None:
    with pytest.raises(ValidationError, match="both accesskey and secretkey"):
        S3.model_validate({"bucket": "b", "region": "r", "accesskey": "a"})


def test_s3_takes_a_storage_class_in_any_case() -> None:
    assert S3(bucket="b", region="r", storageclass="standard_ia").storageclass == "STANDARD_IA"


@pytest.mark.parametrize("kept", ["GLACIER", "deep_archive"])
def test_a_storage_class_whose_objects_cannot_be_read_at_once_is_refused(kept: str) -> None:
    """S3 would take every push, and no image could be pulled."""
    with pytest.raises(
        ValidationError, match="objects of this class cannot be read before they are restored"
    ):
        S3(bucket="b", region="r", storageclass=kept)
    assert S3(bucket="b", region="r", storageclass="GLACIER_IR").storageclass == "GLACIER_IR"


def test_parts_of_s3_have_at_least_five_mebibytes() -> None:
    with pytest.raises(ValidationError, match="5242880"):
        S3(bucket="b", region="r", chunksize=(5 << 20) - 1)


@pytest.mark.parametrize("size", [0, 1000, (256 << 10) + 1])
def test_parts_of_gcs_are_multiples_of_256_kibibytes(size: int) -> None:
    with pytest.raises(ValidationError, match="multiple"):
        Gcs(bucket="b", chunksize=size)
