"""`storage.s3`: Amazon S3 and what speaks its protocol."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from moorage.config.sections.base import Section, lower
from moorage.config.values import BaseURL, Secret, Size

PartSize = Annotated[Size, Field(ge=5 << 20, le=5 << 30)]


def _with_scheme(value: object, info: ValidationInfo) -> object:
    """Docker Registry 2 took a host alone, and `secure` for how to speak to it."""
    if isinstance(value, str) and value and "://" not in value:
        return f"{'https' if info.data.get('secure', True) else 'http'}://{value}"
    return value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


ARCHIVES: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes that take every push and serve no pull (S3 User Guide, "Understanding S3 Glacier storage classes")."""


def _readable(value: str) -> str:
    if value in ARCHIVES:
        raise ValueError("objects of this class cannot be read before they are restored: take GLACIER_IR")
    return value


Endpoint = Annotated[BaseURL, BeforeValidator(_with_scheme)]


class S3(Section):
    bucket: str = Field(description="The bucket; it must exist.")
    region: str | None = Field(default=None, description="The region; needed unless `regionendpoint` is set.")
    accesskey: Secret | None = Field(
        default=None, description="Access key; unset: from the environment, a profile or the instance's role."
    )
    secretkey: Secret | None = Field(default=None, description="Secret key, with `accesskey`.")
    sessiontoken: Secret | None = Field(default=None, description="Token of temporary credentials.")
    secure: bool = Field(default=True, description="Use HTTPS.")
    regionendpoint: Endpoint | None = Field(
        default=None,
        description="Address of a service that is not Amazon's: a URL, or a host, which is spoken to as `secure` says.",
    )
    redirectendpoint: Endpoint | None = Field(
        default=None, description="Address put into redirects, if clients reach the service elsewhere."
    )
    forcepathstyle: bool | None = Field(
        default=None,
        description="Put the bucket into the path, not the host; unset: yes if `regionendpoint` is set.",
    )
    rootdirectory: str = Field(default="", description="Prefix of all keys.")
    encrypt: bool = Field(default=False, description="Ask for encryption on the server.")
    keyid: str | None = Field(default=None, description="KMS key for `encrypt`.")
    skipverify: bool = Field(default=False, description="Accept any certificate. Unsafe.")
    v4auth: bool = Field(default=True, description="Sign with version 4; nothing else is left.")
    chunksize: PartSize = Field(default=10 << 20, description="Size of a part of an upload.")
    multipartcopychunksize: PartSize = Field(default=32 << 20, description="Size of a part of a copy.")
    multipartcopymaxconcurrency: int = Field(default=100, ge=1, description="Parts copied at a time.")
    multipartcopythresholdsize: Annotated[Size, Field(ge=0, le=5 << 30)] = Field(
        default=32 << 20, description="Larger objects are copied in parts."
    )
    storageclass: Annotated[str, BeforeValidator(_upper), AfterValidator(_readable)] = Field(
        default="STANDARD", description="Storage class of new objects; `NONE` sends none."
    )
    objectacl: Literal[
        "private",
        "public-read",
        "public-read-write",
        "authenticated-read",
        "aws-exec-read",
        "bucket-owner-read",
        "bucket-owner-full-control",
    ] = Field(default="private", description="Canned ACL of new objects. It never shows keys to strangers.")
    useragent: str | None = Field(default=None, description="User-Agent of requests to the service.")
    usedualstack: bool = Field(default=False, description="Use addresses with IPv6.")
    accelerate: bool = Field(default=False, description="Use transfer acceleration.")
    usefipsendpoint: bool = Field(default=False, description="Use FIPS endpoints.")
    loglevel: Annotated[
        Literal[
            "off",
            "debug",
            "debugwithsigning",
            "debugwithhttpbody",
            "debugwithrequestretries",
            "debugwithrequesterrors",
            "debugwitheventstreambody",
        ],
        BeforeValidator(lower),
    ] = Field(
        default="off",
        description="All but `off` do the same: each operation on the store is logged, with its time and outcome "
        "(reading of blobs: their opening), if `log.level` is `info` or `debug`. Signatures and bodies never are.",
    )

    @model_validator(mode="after")
    def _region_and_keys(self) -> S3:
        if self.region is None and self.regionendpoint is None:
            raise ValueError("needs region (or regionendpoint, for a service that is not Amazon's)")
        if (self.accesskey is None) != (self.secretkey is None):
            raise ValueError("needs both accesskey and secretkey, or neither")
        return self
