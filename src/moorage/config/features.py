"""What is configured but not built yet."""

from __future__ import annotations

from moorage.config.configuration import Configuration
from moorage.config.problem import Problem


def unbuilt(configuration: Configuration) -> list[Problem]:
    """One problem for each section whose feature is not built yet."""
    return []
