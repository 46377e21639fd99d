"""From a path and an environment to a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from moorage.config.configuration import Configuration
from moorage.config.problem import Problem


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, what is odd about it, and the file it came from (None: built-in defaults)."""

    configuration: Configuration
    warnings: list[Problem]
    source: Path | None


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """The configuration from `path`, or from the usual places; raises ConfigurationError with every mistake."""
    if path is None:
        path = Path(environ["REGISTRY_CONFIGURATION_PATH"])
    return Loaded(Configuration.model_validate(yaml.safe_load(path.read_text())), [], path)
