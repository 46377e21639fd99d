"""`compatibility`: older kinds of images, of which version 2 of the reference implementation had a switch."""

from __future__ import annotations

from pydantic import Field

from moorage.config.sections.base import Section


class Schema1(Section):
    enabled: bool | None = Field(
        default=None, description="Without effect: manifests of schema 1 are refused."
    )
    signingkeyfile: str | None = Field(
        default=None, description="Without effect: manifests of schema 1 are refused, and so none is signed."
    )


class Compatibility(Section):
    schema1: Schema1 = Field(
        default_factory=Schema1,
        description="Docker's schema 1, which Docker has not needed since version 1.10.",
    )
