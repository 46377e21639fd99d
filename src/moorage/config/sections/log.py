"""`log`: what is written, and how."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from moorage.config.sections.base import Section, lower
from moorage.config.values import Duration, HostPort, Secret


def _target(text: str) -> str:
    if text not in ("stdout", "stderr") and "/" not in text:
        raise ValueError("must be stdout, stderr, or the path of a file with a / in it")
    return text


def _address(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be an address such as registry@example.com")
    return text


def _ascii(value: str | SecretStr) -> str | SecretStr:
    text = value if isinstance(value, str) else value.get_secret_value()
    if not text.isascii():
        raise ValueError("has characters outside of ASCII, which no mail server is sent: choose another")
    return value


LogLevel = Annotated[Literal["error", "warn", "info", "debug"], BeforeValidator(lower)]
HookLevel = Annotated[
    Literal["panic", "fatal", "error", "warn", "warning", "info", "debug"], BeforeValidator(lower)
]
Output = Annotated[str, AfterValidator(_target)]
Address = Annotated[str, AfterValidator(_address)]


class AccessLog(Section):
    disabled: bool = Field(default=False, description="Write no access log: one line per request.")
    formatter: Literal["combined", "fields"] = Field(
        default="combined",
        description="The form of a line: the combined log format of web servers, or an event with fields in the form of "
        "`log.formatter`.",
    )
    output: Output = Field(
        default="stdout",
        description="Where the access log goes: `stdout`, `stderr`, or the path of a file, which is made anew when it was "
        "moved or removed.",
    )


class Smtp(Section):
    addr: HostPort | None = Field(default=None, description="The mail server, HOST:PORT.")
    username: Annotated[str, AfterValidator(_ascii)] | None = Field(
        default=None, description="User at the mail server."
    )
    password: Annotated[Secret, AfterValidator(_ascii)] | None = Field(
        default=None, description="Password at the mail server."
    )
    insecure: bool = Field(
        default=False,
        description="Accept any certificate of the mail server, and give it the password even unencrypted.",
    )


class MailOptions(Section):
    smtp: Smtp = Field(default_factory=Smtp, description="How mail is sent.")
    from_: Address | None = Field(default=None, alias="from", description="The sender's address.")
    to: list[Address] = Field(default_factory=list, description="The addresses that get the mail.")
    interval: Annotated[Duration, Field(ge=timedelta(seconds=1))] = Field(
        default=timedelta(minutes=1),
        description="The shortest time between two mails of one process. What is logged meanwhile is gathered.",
    )


class Hook(Section):
    disabled: bool = Field(default=False, description="Do not run this hook.")
    type: Literal["mail"] = Field(default="mail", description="The kind of hook.")
    levels: list[HookLevel] = Field(
        default_factory=list,
        description="The levels that trigger it. `panic` stands for what nobody foresaw: errors with a traceback.",
    )
    options: MailOptions = Field(default_factory=MailOptions, description="Options of the mail hook.")

    @model_validator(mode="after")
    def _can_send(self) -> Self:
        options = self.options
        needed = {
            "levels": self.levels,
            "options.smtp.addr": options.smtp.addr,
            "options.from": options.from_,
            "options.to": options.to,
        }
        if not self.disabled and (missing := [name for name, value in needed.items() if not value]):
            raise ValueError(f"lacks {', '.join(missing)}; set that, or `disabled: true`")
        return self


class Log(Section):
    accesslog: AccessLog = Field(default_factory=AccessLog, description="The access log.")
    level: LogLevel = Field(default="info", description="The least important messages to write.")
    formatter: Literal["text", "json", "logstash"] = Field(default="text", description="The form of a line.")
    output: Output = Field(
        default="stderr",
        description="Where the log goes: `stderr`, `stdout`, or the path of a file, as for the access log.",
    )
    fields: dict[str, Any] = Field(
        default_factory=dict, description="Names and values added to every line, to tell sources apart."
    )
    hooks: list[Hook] = Field(default_factory=list, description="What else happens when something is logged.")
    reportcaller: bool = Field(default=False, description="Add the place in the source to every line.")
