"""`access`: who may do what. Without rules, everybody who is known may do everything."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from moorage.config.sections.base import Section


class AccessRule(Section):
    """What no rule allows is denied."""

    repositories: list[str] = Field(
        default_factory=list,
        description="Patterns of names: `*` is anything within a component, `**` anything at all.",
    )
    users: list[str] = Field(default_factory=list, description="Names; `*` is everybody who is signed in.")
    groups: list[str] = Field(
        default_factory=list, description="Names of groups (`auth.groupfile`, or what a token says)."
    )
    anonymous: bool = Field(default=False, description="Also who is not signed in.")
    allow: list[Literal["pull", "push", "delete", "catalog"]] = Field(
        default_factory=list,
        description="What they may do. `push` includes `pull`; `catalog` is to list the repositories, of which one sees "
        "those one may pull.",
    )

    @model_validator(mode="after")
    def _whole(self) -> AccessRule:
        if not self.repositories:
            raise ValueError('names no repository; for all of them write repositories: ["**"]')
        if not (self.users or self.groups or self.anonymous):
            raise ValueError(
                'names nobody; give users, groups or anonymous: true (users: ["*"] is everybody signed in)'
            )
        if not self.allow:
            raise ValueError("allows nothing; give allow: pull, push, delete, catalog, or several of them")
        return self
