"""The effective configuration as a person may see it: every default filled in, secrets as `***`."""

from __future__ import annotations

import yaml

from moorage.config.configuration import Configuration


def effective(configuration: Configuration) -> str:
    """YAML that loads again, except for its secrets. Keys that are unset and have no default are left out."""
    data = configuration.model_dump(mode="json", by_alias=True, exclude_none=True)
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    return text
