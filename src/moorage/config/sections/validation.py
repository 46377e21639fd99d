"""`validation`: what is checked of a manifest when it is pushed."""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from moorage.config.sections.base import Section
from moorage.config.sections.log import lower
from moorage.config.values import Kind


def _compiles(pattern: str) -> str:
    try:
        # A FutureWarning marks syntax such as [[:alpha:]], which other engines read differently.
        with warnings.catch_warnings(action="error", category=FutureWarning):
            re.compile(pattern)
    except (re.error, FutureWarning, OverflowError, RecursionError) as error:
        raise ValueError(f"must be a regular expression in Python's syntax ({error})") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles), Kind("regular expression")]


class Urls(Section):
    allow: list[Pattern] = Field(
        default_factory=list,
        description="Regular expressions; every URL of a manifest must match one. "
        "Empty: every http(s) URL will do.",
    )
    deny: list[Pattern] = Field(
        default_factory=list, description="Regular expressions; no URL of a manifest may match one."
    )


class Platform(Section):
    architecture: str = Field(description="The architecture, such as `amd64`.")
    os: str = Field(description="The operating system, such as `linux`.")


class Indexes(Section):
    platforms: Annotated[Literal["all", "none", "list"], BeforeValidator(lower)] = Field(
        default="all",
        description="Which images of an index must exist when it is pushed: `all`, `none`, "
        "or those whose platform is in `platformlist`.",
    )
    platformlist: list[Platform] = Field(default_factory=list, description="The platforms for `list`.")


class Manifests(Section):
    urls: Urls = Field(default_factory=Urls, description="URLs of layers that are kept elsewhere.")
    indexes: Indexes = Field(default_factory=Indexes, description="Indexes (multi-platform images).")


class Validation(Section):
    enabled: bool | None = Field(default=None, description="Without effect; see `disabled`.")
    disabled: bool = Field(default=False, description="Check none of what this section lists.")
    manifests: Manifests = Field(default_factory=Manifests, description="Checks of manifests.")
