"""The effective configuration, for people."""

from __future__ import annotations

import yaml

from moorage.config.configuration import Configuration


def effective(configuration: Configuration) -> str:
    """YAML with every default, and `***` for secrets."""
    text: str = yaml.safe_dump(configuration.model_dump(mode="json"), sort_keys=False)
    return text
