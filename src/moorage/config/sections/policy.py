"""`policy`: what kinds of content repositories may hold."""

from __future__ import annotations

from pydantic import Field

from moorage.config.sections.base import Section


class RepositoryPolicy(Section):
    classes: list[str] = Field(
        default_factory=list, description="Classes of content that are allowed, such as `image` or `plugin`."
    )


class Policy(Section):
    repository: RepositoryPolicy = Field(
        default_factory=RepositoryPolicy, description="Policy for repositories."
    )
