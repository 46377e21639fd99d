"""`validation`: what is checked of a manifest when it is pushed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from moorage.config.sections.base import Section, lower
from moorage.config.values import Kind


def compiled(pattern: str) -> Any:
    """A regular expression in the syntax of Go, which the reference implementation uses, and RE2. RE2 matches in time that is linear
    in the text; Python's `re` may take for ever, and clients choose the text. Raises ValueError saying what is wrong."""
    import re2  # an extra, which most do not need

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace")
        raise ValueError(f"must be a regular expression in Go's syntax, RE2 ({reason})") from None


def _compiles(pattern: str) -> str:
    compiled(pattern)
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles), Kind("regular expression")]


class Urls(Section):
    allow: list[Pattern] = Field(
        default_factory=list,
        description="Regular expressions in Go's syntax; every URL of a manifest must match one. "
        "Empty: every http(s) URL will do.",
    )
    deny: list[Pattern] = Field(
        default_factory=list,
        description="Regular expressions in Go's syntax; no URL of a manifest may match one.",
    )

    @field_validator("allow", "deny", mode="before")
    @classmethod
    def _can_be_matched(cls, patterns: Any) -> Any:
        if patterns and find_spec("re2") is None:
            raise ValueError("google-re2 is not installed: pip install 'moorage[re2]'")
        return patterns


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
    urls: Urls = Field(
        default_factory=Urls,
        description="URLs of layers that are kept elsewhere. Patterns need the extra `re2`.",
    )
    indexes: Indexes = Field(default_factory=Indexes, description="Indexes (multi-platform images).")


class Validation(Section):
    enabled: bool | None = Field(default=None, description="Without effect; see `disabled`.")
    disabled: bool = Field(default=False, description="Check none of what this section lists.")
    manifests: Manifests = Field(default_factory=Manifests, description="Checks of manifests.")
