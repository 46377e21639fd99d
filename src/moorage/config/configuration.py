"""The whole configuration: all sections together."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from moorage.config.sections.access import AccessRule
from moorage.config.sections.auth import Auth
from moorage.config.sections.base import Section, older_spelling
from moorage.config.sections.catalog import Catalog, Tags
from moorage.config.sections.compatibility import Compatibility
from moorage.config.sections.health import Health
from moorage.config.sections.http import Http
from moorage.config.sections.log import Log
from moorage.config.sections.middleware import Middlewares
from moorage.config.sections.notifications import Notifications
from moorage.config.sections.policy import Policy
from moorage.config.sections.proxy import Proxy
from moorage.config.sections.redis import Redis
from moorage.config.sections.reporting import Reporting
from moorage.config.sections.storage import Storage
from moorage.config.sections.validation import Validation


class Configuration(Section):
    """Immutable. Attributes are spelled like the keys: `configuration.storage.delete.enabled`."""

    version: Literal["0.1"] = Field(
        description="The version of this format. Checked before anything else; no variable sets it."
    )
    log: Log = Field(default_factory=Log, description="Logging.")
    loglevel: str | None = older_spelling("log.level")
    storage: Storage = Field(description="Where the content is. Exactly one driver.")
    auth: Auth = Field(default_factory=Auth, description="Who it is. At most one kind.")
    access: list[AccessRule] = Field(
        default_factory=list,
        description="Who may do what. Without rules, whoever is known may do everything; with rules, what none of them "
        "allows is denied.",
    )
    middleware: Middlewares = Field(default_factory=Middlewares, description="What is put around parts.")
    reporting: Reporting = Field(default_factory=Reporting, description="Services that collect errors.")
    http: Http = Field(default_factory=Http, description="The server.")
    notifications: Notifications = Field(
        default_factory=Notifications, description="Who is told about events."
    )
    redis: Redis = Field(default_factory=Redis, description="A store shared by several instances.")
    health: Health = Field(default_factory=Health, description="What is probed.")
    proxy: Proxy = Field(default_factory=Proxy, description="A pull-through cache of another registry.")
    validation: Validation = Field(default_factory=Validation, description="Checks of pushed content.")
    policy: Policy = Field(default_factory=Policy, description="Kinds of content.")
    compatibility: Compatibility = Field(
        default_factory=Compatibility, description="Switches of older reference implementations."
    )
    catalog: Catalog = Field(default_factory=Catalog, description="The list of repositories.")
    tags: Tags = Field(default_factory=Tags, description="Lists of tags.")

    @field_validator("access")
    @classmethod
    def _somebody_can_sign_in(cls, rules: list[AccessRule], info: ValidationInfo) -> list[AccessRule]:
        auth = info.data.get("auth")
        if rules and isinstance(auth, Auth) and auth.kind == "none":
            raise ValueError("has rules, but nobody can sign in; set auth, for example auth.htpasswd")
        return rules
