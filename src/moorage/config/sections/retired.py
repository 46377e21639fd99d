"""`storage.swift`, `storage.oss`, `storage.rados`: drivers that newer reference implementations dropped."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from moorage.config.sections.base import Section, older_spelling
from moorage.config.values import URL, Secret, Size

ChunkSize = Annotated[Size, Field(ge=1 << 20)]


class Swift(Section):
    authurl: URL = Field(description="URL for authentication, version 1, 2.0 or 3.")
    username: str = Field(description="User.")
    password: Secret = Field(description="Password.")
    container: str = Field(description="The container; made if it is missing.")
    tenant: str | None = Field(default=None, description="Name of the tenant; or `tenantid`.")
    tenantid: str | None = Field(default=None, description="Id of the tenant.")
    domain: str | None = Field(default=None, description="Name of the domain; or `domainid`.")
    domainid: str | None = Field(default=None, description="Id of the domain.")
    tenantdomain: str | None = Field(default=None, description="Name of the tenant's domain.")
    tenantdomainid: str | None = Field(default=None, description="Id of the tenant's domain.")
    trustid: str | None = Field(default=None, description="Id of a trust.")
    region: str | None = Field(default=None, description="The region.")
    authversion: int = Field(default=0, ge=0, description="Version of authentication; 0: from the URL.")
    endpointtype: str = Field(default="public", description="public, internal or admin.")
    insecureskipverify: bool = Field(default=False, description="Accept any certificate. Unsafe.")
    chunksize: ChunkSize = Field(default=20 << 20, description="Size of a segment.")
    rootdirectory: str = Field(default="", description="Prefix of all names.")
    prefix: str | None = older_spelling("rootdirectory")
    accesskey: Secret | None = Field(default=None, description="Key of temporary URLs.")
    secretkey: Secret | None = Field(default=None, description="Secret of temporary URLs.")
    tempurlcontainerkey: bool = Field(default=False, description="Take the key from the container.")
    tempurlmethods: list[str] = Field(default_factory=list, description="Methods of temporary URLs.")


class Oss(Section):
    accesskeyid: Secret = Field(description="Access key.")
    accesskeysecret: Secret = Field(description="Its secret.")
    region: str = Field(description="The region.")
    bucket: str = Field(description="The bucket.")
    endpoint: str | None = Field(default=None, description="Address; unset: made from bucket and region.")
    internal: bool = Field(default=False, description="Use the internal address.")
    encrypt: bool = Field(default=False, description="Ask for encryption on the server.")
    encryptionkeyid: str | None = Field(default=None, description="Key for `encrypt`.")
    secure: bool = Field(default=True, description="Use HTTPS.")
    chunksize: ChunkSize = Field(default=10 << 20, description="Size of a part of an upload.")
    rootdirectory: str = Field(default="", description="Prefix of all keys.")


class Rados(Section):
    poolname: str = Field(description="The pool.")
    username: str | None = Field(default=None, description="User, without `client.`.")
    chunksize: ChunkSize = Field(default=4 << 20, description="Size of an object.")
