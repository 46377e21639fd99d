"""The effective configuration as a person may see it: every default filled in, secrets as `***`."""

from __future__ import annotations

from typing import Any

import yaml

from moorage.config.configuration import Configuration
from moorage.config.schema import Key, keys
from moorage.config.sections.base import Section


def effective(configuration: Configuration) -> str:
    """YAML that loads again, except for its secrets, and gives no warning that the configuration did not give. Keys that are unset and
    have no default are left out, and so are those that would be warned of: without effect, or empty lists."""
    data = configuration.model_dump(mode="json", by_alias=True, exclude_none=True)
    text: str = yaml.safe_dump(_said(data, configuration), sort_keys=False, allow_unicode=True)
    return text


def _said(data: dict[str, Any], section: Section) -> dict[str, Any]:
    """The data of a section without keys that say nothing."""
    known = keys(type(section))
    held = {
        field.alias or attribute: section.__dict__[attribute]
        for attribute, field in type(section).model_fields.items()
    }
    found = {name: _inner(value, held[name]) for name, value in data.items()}
    return {name: value for name, value in found.items() if not _says_nothing(value, held[name], known[name])}


def _inner(value: Any, held: Any) -> Any:
    if isinstance(held, Section):
        return _said(value, held)
    return [_inner(*pair) for pair in zip(value, held, strict=True)] if isinstance(held, list) else value


def _says_nothing(value: Any, held: Any, key: Key) -> bool:
    if held != key.field.get_default(call_default_factory=True):
        # Such as an empty list of trusted proxies, or a driver without keys.
        return False
    return key.without_effect or value in ([], {})
