"""`middleware`: what is put around the registry, its repositories or the storage."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from moorage.config.sections.base import Section, lower, older_spelling
from moorage.config.values import MINUTES, URL, Duration, Host, Options

_NEEDED = {"cloudfront": ("baseurl", "privatekey", "keypairid"), "redirect": ("baseurl",)}


def _minutes(value: object) -> object:
    return f"{value}m" if str(value).isdecimal() else value


def _https(value: object) -> object:
    return f"https://{value}" if isinstance(value, str) and "://" not in value else value


class Middleware(Section):
    name: str = Field(description="The name of the middleware.")
    disabled: bool = Field(default=False, description="Leave it out.")
    options: Options = Field(default_factory=dict, repr=False, description="Its options. Never printed.")


class StorageOptions(Section):
    baseurl: Annotated[URL, BeforeValidator(_https)] | None = Field(
        default=None, description="cloudfront, redirect: where clients are sent."
    )
    privatekey: str | None = Field(default=None, description="cloudfront: path of the signing key (PEM).")
    keypairid: str | None = Field(default=None, description="cloudfront: the id of the key pair.")
    duration: Annotated[Duration, BeforeValidator(_minutes), MINUTES, Field(ge=timedelta(seconds=1))] = Field(
        default=timedelta(minutes=20),
        description="cloudfront: how long a signed URL is valid. Here a bare number counts minutes.",
    )
    ipfilteredby: Annotated[Literal["none", "aws", "awsregion"], BeforeValidator(lower)] = Field(
        default="none",
        description="cloudfront: which clients go to S3 directly: none, those with an address of AWS, or those with one "
        "of its regions `awsregion`.",
    )
    awsregion: str | None = Field(
        default=None, description="cloudfront: the regions for `awsregion`, separated by commas."
    )
    updatefrequency: Annotated[Duration, Field(ge=timedelta(seconds=1))] = Field(
        default=timedelta(hours=12), description="cloudfront: how often the list of addresses is loaded."
    )
    updatefrenquency: str | None = older_spelling("updatefrequency")
    iprangesurl: URL = Field(
        default="https://ip-ranges.amazonaws.com/ip-ranges.json",
        description="cloudfront: where the list of addresses comes from.",
    )
    scheme: str | None = Field(default=None, description="rewrite: the scheme to put into a redirect.")
    host: Host | None = Field(default=None, description="rewrite: the host to put into a redirect.")
    trimpathprefix: str | None = Field(default=None, description="rewrite: what to cut off the path.")


class StorageMiddleware(Section):
    """What is put around the driver; later entries around earlier ones."""

    name: Literal["cloudfront", "redirect", "rewrite"] = Field(
        description="What tells where clients are sent for a blob: `redirect` to another server with the same tree, "
        "`rewrite` to the URL of the driver with another scheme, host or path, `cloudfront` to a signed URL there."
    )
    disabled: bool = Field(default=False, description="Leave it out.")
    options: StorageOptions = Field(default_factory=StorageOptions, description="Its options.")

    @model_validator(mode="after")
    def _options_that_are_needed(self) -> StorageMiddleware:
        missing = [key for key in _NEEDED.get(self.name, ()) if getattr(self.options, key) is None]
        if self.options.ipfilteredby == "awsregion" and not (self.options.awsregion or "").strip(" ,"):
            missing.append("awsregion")
        if missing and not self.disabled:
            raise ValueError(f"{self.name} needs the options {', '.join(missing)}")
        return self

    def works_over(self, driver: str) -> bool:
        """CloudFront's origin is a bucket of S3: over another driver the entry is left out, as by the reference
        implementation."""
        return self.name != "cloudfront" or driver == "s3"


class Middlewares(Section):
    registry: list[Middleware] = Field(default_factory=list, description="Around the registry.")
    repository: list[Middleware] = Field(default_factory=list, description="Around each repository.")
    storage: list[StorageMiddleware] = Field(default_factory=list, description="Around the storage driver.")
