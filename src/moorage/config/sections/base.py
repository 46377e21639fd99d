"""What sections share: immutable models that know every key, older spellings of keys, and names in any case."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

import moorage.config.plugins  # noqa: F401 - before the first model

REPLACED_BY = "replacedby"


class Section(BaseModel):
    """A mapping of the file. Loading has removed unknown keys with a warning, so here they are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    one_of: ClassVar[frozenset[str]] = frozenset()
    """Keys of which one at most may be present. Such a section may also be given as the bare name of one."""
    needs_one: ClassVar[bool] = False
    """Whether one of them must be present."""


def older_spelling(path: str, description: str = "") -> Any:
    """A key that loading moves to `path`, so that reading the attribute is a mistake (and warns).

    The path is dotted and relative to the section; each leading `^` goes one section up, a last `0` makes
    the value the only item of a list.
    """
    return Field(
        default=None,
        description=description or f"Older spelling of `{path.removesuffix('.0')}`.",
        deprecated=f"read {path} instead: values are moved there",
        json_schema_extra={REPLACED_BY: path},
    )


def lower(value: object) -> object:
    """Names of levels and modes are taken in any case, as the reference implementation does."""
    return value.lower() if isinstance(value, str) else value
