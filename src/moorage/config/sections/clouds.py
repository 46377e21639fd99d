"""`storage.azure` and `storage.gcs`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from moorage.config.sections.base import Section
from moorage.config.values import BaseURL, Duration, Secret, Size, revealed

_GCS_STEP = 256 << 10
_ACCOUNT: Final = re.compile(r"(?:^|;)\s*AccountName\s*=[^;]", re.IGNORECASE)
"""An account in a connection string."""


def _multiple(size: int) -> int:
    if size < _GCS_STEP or size % _GCS_STEP:
        raise ValueError(f"must be a multiple of {_GCS_STEP} (256 KiB)")
    return size


class AzureCredentials(Section):
    type: Literal["client_secret", "shared_key", "default_credentials"] | None = Field(
        default=None,
        description="What is used: `secret`, `accountkey`, or what the environment has. Unset: the account's key if it is set, else the "
        "secret if it is set, else the environment.",
    )
    clientid: str | None = Field(default=None, description="Id of the application.")
    tenantid: str | None = Field(default=None, description="Id of the tenant.")
    secret: Secret | None = Field(default=None, description="Secret of the application.")


class Azure(Section):
    accountname: str = Field(
        default="", description="The storage account; needed unless `connectionstring` names it."
    )
    accountkey: Secret | None = Field(default=None, description="Its key; or use `credentials`.")
    container: str = Field(description="The container.")
    connectionstring: Secret | None = Field(
        default=None, description="A connection string in place of a key. The account that it names is used."
    )
    serviceurl: BaseURL | None = Field(
        default=None, description="Address of the service, if unusual, without the container."
    )
    realm: str = Field(default="core.windows.net", description="Domain of the service.")
    rootdirectory: str = Field(default="", description="Prefix of all names.")
    credentials: AzureCredentials = Field(
        default_factory=AzureCredentials, description="Credentials other than the account's key."
    )
    max_retries: int = Field(default=5, ge=-1, description="Tries after a failed operation; -1: none.")
    retry_delay: Annotated[Duration, Field(ge=timedelta(0))] = Field(
        default=timedelta(milliseconds=100),
        description="Wait before the first new try; it doubles each time, up to 5 s.",
    )
    skipverify: bool = Field(default=False, description="Accept any certificate. Unsafe.")

    @model_validator(mode="after")
    def _complete(self) -> Azure:
        if not (self.accountname or _ACCOUNT.search(revealed(self.connectionstring))):
            raise ValueError("needs accountname, or a connectionstring with AccountName")
        kind = self.credentials.type
        if kind == "shared_key" and not (self.accountkey or self.connectionstring):
            raise ValueError("credentials.type is shared_key: set accountkey")
        if kind == "client_secret" and not self.credentials.secret:
            raise ValueError("credentials.type is client_secret: set credentials.secret")
        unset = kind is None and not (self.accountkey or self.connectionstring)
        if (kind == "client_secret" or unset) and self.credentials.secret:
            for name in ("clientid", "tenantid"):
                if not getattr(self.credentials, name):
                    raise ValueError(f"credentials.secret belongs to an application: set credentials.{name}")
        return self


LEAST_PART: Final = 5 << 20
"""The least size of all parts of an upload to Google but the last (Cloud Storage, "XML API multipart uploads")."""


class GcsCredentials(Section):
    type: str = Field(default="service_account", description="Kind of account.")
    project_id: str | None = Field(default=None, description="As in the key file.")
    private_key_id: str | None = Field(default=None, description="As in the key file.")
    private_key: Secret | None = Field(default=None, description="As in the key file.")
    client_email: str | None = Field(default=None, description="As in the key file.")
    client_id: str | None = Field(default=None, description="As in the key file.")
    auth_uri: str | None = Field(default=None, description="As in the key file.")
    token_uri: str | None = Field(default=None, description="As in the key file.")
    auth_provider_x509_cert_url: str | None = Field(default=None, description="As in the key file.")
    client_x509_cert_url: str | None = Field(default=None, description="As in the key file.")
    universe_domain: str | None = Field(default=None, description="As in the key file.")


class Gcs(Section):
    bucket: str = Field(description="The bucket; it must exist.")
    keyfile: str | None = Field(
        default=None,
        description="Path of a service account's key; unset: from the environment or the machine.",
    )
    credentials: GcsCredentials | None = Field(
        default=None, description="What a key file holds, written here."
    )
    rootdirectory: str = Field(default="", description="Prefix of all names.")
    chunksize: Annotated[Size, AfterValidator(_multiple)] = Field(
        default=LEAST_PART,
        description="Size of a part of an upload, a multiple of 256 KiB; at least 5 MiB are taken.",
    )
    maxconcurrency: int | None = Field(
        default=None,
        ge=1,
        description="Operations of a worker on the store at a time; others wait. Bytes of blobs on their way do not count. "
        "Unset: `http.limits` bounds them.",
    )
    useragent: str | None = Field(default=None, description="User-Agent of requests to the service.")

    @property
    def signable(self) -> bool:
        """Whether clients can be sent to the store: obstore would sign URLs with these letters for another object."""
        return not set(self.rootdirectory) & set("%#?\\")
