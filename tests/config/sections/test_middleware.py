import pytest
from pydantic import ValidationError

from moorage.config.sections.middleware import StorageMiddleware, StorageOptions

from ..conftest import Refuse


@pytest.mark.parametrize("name", ["cloudfront", "redirect"])
def test_needed_options_are_asked_for(name: str) -> None:
    with pytest.raises(ValidationError, match="needs the options baseurl"):
        StorageMiddleware.model_validate({"name": name})


def test_what_is_disabled_needs_no_options() -> None:
    assert StorageMiddleware(name="cloudfront", disabled=True).disabled


def test_a_base_url_without_scheme_means_https() -> None:
    assert StorageOptions(baseurl="cdn.example.com/x").baseurl == "https://cdn.example.com/x"


CLOUDFRONT = {"baseurl": "cdn.example.com", "privatekey": "k", "keypairid": "i"}


@pytest.mark.parametrize("regions", [None, "", " , "])
def test_a_filter_by_region_needs_regions(regions: str | None) -> None:
    options = {**CLOUDFRONT, "ipfilteredby": "AWSRegion", "awsregion": regions}
    with pytest.raises(ValidationError, match="cloudfront needs the options awsregion"):
        StorageMiddleware.model_validate({"name": "cloudfront", "options": options})
    options["awsregion"] = "eu-central-1, us-east-1"
    assert StorageMiddleware.model_validate({"name": "cloudfront", "options": options}).works_over("s3")


def test_another_name_is_refused(refused: Refuse) -> None:
    (problem,) = refused("middleware: {storage: [{name: rewrit}]}").problems
    assert problem.path == "middleware.storage[0].name"
    assert problem.message == "must be 'cloudfront', 'redirect' or 'rewrite', not 'rewrit'"
