"""`reporting`: services that collect errors."""

from __future__ import annotations

from pydantic import Field

from moorage.config.sections.base import Section
from moorage.config.values import URL, Secret


class Bugsnag(Section):
    apikey: Secret | None = Field(default=None, description="The key of the project; unset: not used.")
    releasestage: str | None = Field(
        default=None, description="Where this instance runs, such as `production`."
    )
    endpoint: URL | None = Field(default=None, description="Another address of the service.")


class NewRelic(Section):
    licensekey: Secret | None = Field(default=None, description="The licence key; unset: not used.")
    name: str | None = Field(default=None, description="The name of the application.")
    verbose: bool = Field(default=False, description="Also write what is reported to stdout.")


class Reporting(Section):
    bugsnag: Bugsnag = Field(default_factory=Bugsnag, description="Bugsnag.")
    newrelic: NewRelic = Field(default_factory=NewRelic, description="New Relic.")
