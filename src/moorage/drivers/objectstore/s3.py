"""Amazon S3 and compatible stores."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import S3Store

from moorage.drivers.base import DriverError
from moorage.drivers.objectstore.acl import WithAcl
from moorage.drivers.objectstore.addresses import domain, fits_host
from moorage.drivers.objectstore.characters import REFUSED, folders, one_line, visible
from moorage.drivers.objectstore.driver import ObjectStoreDriver
from moorage.drivers.objectstore.environment import without_variables
from moorage.drivers.objectstore.everyname import S3Names
from moorage.drivers.objectstore.joining import Through
from moorage.drivers.objectstore.limits import USUAL, Limits
from moorage.drivers.objectstore.multipart import Multipart
from moorage.drivers.objectstore.network import (
    AGENT,
    AT_START,
    MOST,
    PROMPT,
    client_options,
    patience,
    retries,
    without_user,
)
from moorage.drivers.objectstore.options import Options
from moorage.drivers.objectstore.partcopies import Copying, PartCopies
from moorage.drivers.objectstore.proxies import proxy_for
from moorage.drivers.objectstore.renewing import Renewing
from moorage.drivers.objectstore.sdk import S3Clients
from moorage.drivers.objectstore.trust import named_bundle
from moorage.drivers.objectstore.unfinished import Unfinished

SOON_COPIED: Final = 64 << 20
"""In bytes. Any store copies an object of this size within the shorter timeout."""

FOR_THE_OWNER: Final = ("bucket-owner-read", "bucket-owner-full-control")
"""ACLs that show nothing to strangers. A bucket of another account may refuse every object without one."""

FRESH_SECONDS: Final = 300.0
"""How long temporary credentials are used before their provider is asked again."""


@dataclass(frozen=True)
class S3Options:
    """The keys of `storage.s3` (Docker Registry, "S3 storage driver").

    Without `access_key`, credentials come from the usual chain: the environment, a profile, web identity, the role of the
    container or the instance.
    """

    bucket: str
    region: str = ""
    access_key: str = ""
    secret_key: str = ""
    session_token: str = ""
    endpoint: str = ""
    public_endpoint: str = ""
    path_style: bool = False
    """Else a bucket is named in the path, too, if it cannot be in the host."""
    root: str = ""
    encrypt: bool = False
    kms_key: str = ""
    secure: bool = True
    skip_verify: bool = False
    part_bytes: int = 10 << 20
    copy_bytes: int = 32 << 20
    copy_concurrency: int = 100
    copy_threshold: int = 32 << 20
    storage_class: str = "STANDARD"
    acl: str = "private"
    """A canned ACL. S3 makes objects private without being asked, and buckets without ACLs refuse the question."""
    private: str = ""
    """A folder, given as a path, whose files are private with any ACL: it holds keys."""
    user_agent: str = ""
    dual_stack: bool = False
    accelerate: bool = False
    fips: bool = False
    limits: Limits = USUAL

    @property
    def chosen_class(self) -> str:
        """The storage class to name; empty for the store's own."""
        return "" if self.storage_class in ("STANDARD", "NONE") else self.storage_class

    @property
    def service(self) -> str:
        """The address of the service, without the bucket."""
        if self.endpoint:
            scheme, mark, place = self.endpoint.partition("://")
            return f"{scheme.lower()}{mark}{place}".rstrip("/")
        scheme = "https" if self.secure else "http"
        tail = domain(self.region)
        if self.accelerate:
            return f"{scheme}://s3-accelerate{'.dualstack' if self.dual_stack else ''}.{tail}"
        stack = ".dualstack" if self.dual_stack else ""
        return f"{scheme}://s3{'-fips' if self.fips else ''}{stack}.{self.region}.{tail}"

    def in_path(self, service: str) -> bool:
        """Whether the bucket is named in the path of an address of this service."""
        return self.path_style or not fits_host(self.bucket, service)


def s3_driver(options: S3Options, *, links_for: timedelta | None) -> ObjectStoreDriver:
    """Build the driver, without any call to the store. Raises DriverError for a value that cannot be sent, and when no
    credentials are found."""
    _check(options)
    copying = _copying(options)
    credentials = None if options.access_key else _chain(copying.clients)
    store = _store(options, options.service, credentials, patience(options.part_bytes))
    prompt = _store(options, options.service, credentials, PROMPT)
    known = without_user(options.public_endpoint.rstrip("/") or options.service)
    public = None if known == options.service else _store(options, known, credentials, PROMPT)
    attributes = {"Storage-Class": options.chosen_class} if options.chosen_class else {}
    through = Through(store, attributes, options.part_bytes, options.limits)
    copies = prompt if options.copy_threshold <= SOON_COPIED else store
    return ObjectStoreDriver(
        store,
        Options(
            "s3",
            options.root,
            options.part_bytes,
            attributes,
            links_for,
            public,
            options.limits,
            prompt,
            hasty=partial(_store, options, options.service, credentials, PROMPT, AT_START),
        ),
        putter=_with_acl(options, copying) if copying.names_acl else None,
        joiner=PartCopies(copies, copying, through, options.limits),
        every_name=S3Names(copying.bucket, copying.clients),
        unfinished=Unfinished(Multipart(copying.bucket, copying.clients, copying.extra)),
    )


def _with_acl(options: S3Options, copying: Copying) -> WithAcl:
    private = "" if options.acl in FOR_THE_OWNER else options.private
    without = {name: value for name, value in copying.extra.items() if name != "ACL"}
    uploads, hidden = (
        Multipart(copying.bucket, copying.clients, extra) for extra in (copying.extra, without)
    )
    return WithAcl(uploads, hidden, private)


def _check(options: S3Options) -> None:
    folders("storage.s3", options.root)
    visible(
        "storage.s3",
        bucket=options.bucket,
        region=options.region,
        accesskey=options.access_key,
        sessiontoken=options.session_token,
        keyid=options.kms_key,
        useragent=options.user_agent.replace(" ", ""),
    )
    if options.accelerate and not options.endpoint and options.in_path(options.service):
        reason = "needs the bucket in the host: it takes no name with dots, and no forcepathstyle"
        raise DriverError("storage.s3.accelerate", reason)
    # Never sent, so that any letter may be in it.
    one_line("storage.s3", secretkey=options.secret_key)


def _store(
    options: S3Options, service: str, credentials: Any, silence: timedelta, most: int = MOST
) -> S3Store:
    in_path = options.in_path(service)
    if in_path:
        endpoint = service
    else:
        parts = urlsplit(service)
        user, at, host = parts.netloc.rpartition("@")
        endpoint = parts._replace(netloc=f"{user}{at}{options.bucket}.{host}").geturl()
    config: dict[str, Any] = {
        "endpoint": endpoint,
        "region": options.region or "us-east-1",
        "virtual_hosted_style_request": not in_path,
        # TLS protects the bytes on their way, and clients compare what they read with its digest.
        "unsigned_payload": service.startswith("https://"),
    }
    if options.access_key:
        config["access_key_id"] = options.access_key
        config["secret_access_key"] = options.secret_key
        if options.session_token:
            config["session_token"] = options.session_token
    if options.encrypt:
        config["server_side_encryption"] = "aws:kms" if options.kms_key else "AES256"
        if options.kms_key:
            config["sse_kms_key_id"] = options.kms_key
    authorities = named_bundle() if service.startswith("https://") else None
    try:
        # The chain has found what they say already.
        with without_variables("AWS_"):
            return S3Store(
                options.bucket,
                config=config,  # type: ignore[arg-type] # a dictionary that is filled step by step
                client_options=client_options(
                    endpoint,
                    skip_verify=options.skip_verify,
                    user_agent=options.user_agent,
                    silence=silence,
                    authorities=authorities,
                    proxy=proxy_for(service, os.environ),
                ),
                retry_config=retries(most),
                credential_provider=credentials,
            )
    except BaseError:
        raise DriverError("storage.s3", REFUSED) from None


def _chain(clients: S3Clients) -> Any:
    """A provider of credentials, found as Amazon's own tools find them. Raises DriverError when there are none."""
    found = clients.credentials()
    if found is None:
        raise DriverError(
            "storage.s3",
            "no credentials: set accesskey and secretkey, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, "
            "or give the machine a role",
        )

    renewing = Renewing(found)

    def provide() -> dict[str, Any]:
        frozen = renewing()
        expires = datetime.now(UTC) + timedelta(seconds=FRESH_SECONDS) if frozen.token else None
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": expires,
        }

    return provide


def _copying(options: S3Options) -> Copying:
    client: dict[str, Any] = {
        "region_name": options.region or "us-east-1",
        "endpoint_url": options.service,
        "verify": False if options.skip_verify else None,
    }
    if options.access_key:
        client["aws_access_key_id"] = options.access_key
        client["aws_secret_access_key"] = options.secret_key
        client["aws_session_token"] = options.session_token or None
    client["user_agent"] = options.user_agent or AGENT
    client["addressing_style"] = "path" if options.in_path(options.service) else "virtual"
    extra: dict[str, str] = {}
    if options.encrypt:
        extra["ServerSideEncryption"] = "aws:kms" if options.kms_key else "AES256"
        if options.kms_key:
            extra["SSEKMSKeyId"] = options.kms_key
    if options.chosen_class:
        extra["StorageClass"] = options.chosen_class
    if options.acl != "private":
        extra["ACL"] = options.acl
    return Copying(
        options.bucket,
        S3Clients(client),
        extra,
        options.copy_bytes,
        options.copy_concurrency,
        options.copy_threshold,
    )
