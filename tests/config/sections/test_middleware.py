import pytest
from pydantic import ValidationError

from moorage.config.sections.middleware import StorageMiddleware, StorageOptions


@pytest.mark.parametrize("name", ["cloudfront", "redirect"])
def test_needed_options_are_asked_for(name: str) -> None:
    with pytest.raises(ValidationError, match="needs the options baseurl"):
        StorageMiddleware.model_validate({"name": name})


def test_what_is_disabled_needs_no_options() -> None:
    assert StorageMiddleware(name="cloudfront", disabled=True).disabled


def test_a_base_url_without_scheme_means_https() -> None:
    assert StorageOptions(baseurl="cdn.example.com/x").baseurl == "https://cdn.example.com/x"
