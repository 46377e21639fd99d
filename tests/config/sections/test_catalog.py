import pytest
from pydantic import ValidationError

from moorage.config.sections.catalog import Catalog, Tags


def test_zero_means_the_default() -> None:
    assert Catalog(maxentries=0).maxentries == Catalog().maxentries == 1000
    assert Tags.model_validate({"maxtags": "0"}).maxtags == Tags().maxtags == 1000


@pytest.mark.parametrize("limit", [-1, 100_001])
def test_limits_have_bounds(limit: int) -> None:
    with pytest.raises(ValidationError):
        Catalog(maxentries=limit)
