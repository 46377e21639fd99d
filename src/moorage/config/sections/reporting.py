"""`reporting`: services that collect errors."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from moorage.config.sections.base import Section
from moorage.config.values import URL, Secret


def _dsn(url: str) -> str:
    parts = urlsplit(url)
    if not parts.username or not parts.path.rpartition("/")[2].isdecimal():
        raise ValueError("must be a DSN as Sentry shows it, such as https://KEY@HOST/PROJECT")
    return url


class Bugsnag(Section):
    apikey: Secret | None = Field(default=None, description="The key of the project; unset: not used.")
    releasestage: str | None = Field(
        default=None, description="Where this instance runs; unset: `production`."
    )
    endpoint: URL | None = Field(default=None, description="Another address of the service.")


class NewRelic(Section):
    licensekey: Secret | None = Field(default=None, description="The licence key; unset: not used.")
    name: str | None = Field(default=None, description="The name of the application; unset: `moorage`.")
    verbose: bool = Field(default=False, description="Also write what is reported to stdout.")


class Sentry(Section):
    dsn: Annotated[URL, AfterValidator(_dsn)] | None = Field(
        default=None, description="The address of the project, with its key; unset: not used."
    )
    environment: str | None = Field(
        default=None, description="Where this instance runs; unset: `production`."
    )


class Reporting(Section):
    bugsnag: Bugsnag = Field(default_factory=Bugsnag, description="Bugsnag.")
    newrelic: NewRelic = Field(default_factory=NewRelic, description="New Relic.")
    sentry: Sentry = Field(default_factory=Sentry, description="Sentry.")
