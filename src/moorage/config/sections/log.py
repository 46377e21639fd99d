"""`log`: what is written, and how."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from moorage.config.sections.base import Section
from moorage.config.values import HostPort, Secret


def lower(value: object) -> object:
    """Names of levels and modes are taken in any case, as the reference implementation does."""
    return value.lower() if isinstance(value, str) else value


LogLevel = Annotated[Literal["error", "warn", "info", "debug"], BeforeValidator(lower)]


class AccessLog(Section):
    disabled: bool = Field(
        default=False,
        description="Write no access log (one line per request, combined log format, on stdout).",
    )


class Smtp(Section):
    addr: HostPort | None = Field(default=None, description="The mail server, HOST:PORT.")
    username: str | None = Field(default=None, description="User at the mail server.")
    password: Secret | None = Field(default=None, description="Password at the mail server.")
    insecure: bool = Field(default=False, description="Accept any certificate of the mail server.")


class MailOptions(Section):
    smtp: Smtp = Field(default_factory=Smtp, description="How mail is sent.")
    from_: str | None = Field(default=None, alias="from", description="The sender's address.")
    to: list[str] = Field(default_factory=list, description="The addresses that get the mail.")


class Hook(Section):
    disabled: bool = Field(default=False, description="Do not run this hook.")
    type: Literal["mail"] = Field(default="mail", description="The kind of hook.")
    levels: list[str] = Field(
        default_factory=list, description="The levels that trigger it, such as `panic`."
    )
    options: MailOptions = Field(default_factory=MailOptions, description="Options of the mail hook.")


class Log(Section):
    accesslog: AccessLog = Field(default_factory=AccessLog, description="The access log.")
    level: LogLevel = Field(default="info", description="The least important messages to write.")
    formatter: Literal["text", "json", "logstash"] = Field(
        default="text", description="The form of a line on stderr."
    )
    fields: dict[str, Any] = Field(
        default_factory=dict, description="Names and values added to every line, to tell sources apart."
    )
    hooks: list[Hook] = Field(default_factory=list, description="What else happens when something is logged.")
    reportcaller: bool = Field(default=False, description="Add the place in the source to every line.")
