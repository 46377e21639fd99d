"""`catalog` and `tags`: how many names one answer of a list may hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from moorage.config.sections.base import Section

_DEFAULT = 1000


def _zero_is_default(value: object) -> object:
    return _DEFAULT if value in (0, "0") else value


Limit = Annotated[int, BeforeValidator(_zero_is_default), Field(ge=1, le=100_000)]


class Catalog(Section):
    maxentries: Limit = Field(
        default=_DEFAULT,
        description="Most repositories in one answer of the catalog. A larger `n` in a request is cut to it; "
        "0 means the default.",
    )


class Tags(Section):
    maxtags: Limit = Field(
        default=_DEFAULT,
        description="Most tags in one answer of a tag list to a request with `n`: a larger `n` is cut to it. Without `n`, all are "
        "answered. 0 means the default.",
    )
