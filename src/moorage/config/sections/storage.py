"""`storage`: where the content is, and how it is looked after. Exactly one driver."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal, NamedTuple

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from moorage.config.sections.base import Section, older_spelling
from moorage.config.sections.clouds import Azure, Gcs
from moorage.config.sections.drivers import Filesystem, Inmemory
from moorage.config.sections.retired import Oss, Rados, Swift
from moorage.config.sections.s3 import S3
from moorage.config.values import Duration

DRIVERS = ("filesystem", "inmemory", "s3", "azure", "gcs", "swift", "oss", "rados")


CACHES: Final = ("inmemory", "redis", "none")


def _known(value: object) -> object:
    """Docker Registry serves without a cache if it does not know the one that is asked for. `effects` warns."""
    return "none" if isinstance(value, str) and value not in CACHES else value


class Cache(Section):
    blobdescriptor: Annotated[Literal["inmemory", "redis", "none"], BeforeValidator(_known)] | None = Field(
        default=None,
        description="Where it is remembered which blobs and manifests are there: `inmemory` (also if unset), `redis` (see the section "
        "of that name), or `none`, which is also what an unknown one means. Without effect on local disks, which are asked every time: that is as fast, and never "
        "stale.",
    )
    layerinfo: str | None = older_spelling("blobdescriptor")
    blobdescriptorsize: int = Field(
        default=10_000, ge=0, description="Most entries of the `inmemory` cache; 0: no limit."
    )


class UploadPurging(Section):
    enabled: bool = Field(default=True, description="Remove uploads that were never finished.")
    age: Annotated[Duration, Field(ge=timedelta(seconds=1))] = Field(
        default=timedelta(hours=168), description="How old an upload must be."
    )
    interval: Annotated[Duration, Field(ge=timedelta(seconds=1))] = Field(
        default=timedelta(hours=24), description="Time between two rounds."
    )
    dryrun: bool = Field(default=False, description="Only log what would be removed.")


class ReadOnly(Section):
    enabled: bool = Field(default=False, description="Refuse everything that writes.")


class Maintenance(Section):
    uploadpurging: UploadPurging = Field(default_factory=UploadPurging, description="Unfinished uploads.")
    readonly: ReadOnly = Field(default_factory=ReadOnly, description="Read-only mode.")


class Delete(Section):
    enabled: bool = Field(default=False, description="Let clients delete manifests, tags and blobs.")


class Redirect(Section):
    disable: bool = Field(
        default=False, description="Send blobs through the registry, even if the storage could send them."
    )


class TagLookup(Section):
    concurrencylimit: int = Field(
        default=0,
        ge=0,
        description="Tags read at a time when a manifest is deleted; 0: 16. Without effect on local disks.",
    )


class Driver(NamedTuple):
    """The storage driver: its name in the file, and its parameters."""

    name: str
    parameters: Section


class Storage(Section):
    one_of: ClassVar = frozenset(DRIVERS)
    needs_one: ClassVar = True

    filesystem: Filesystem | None = Field(default=None, description="A directory of this machine.")
    inmemory: Inmemory | None = Field(default=None, description="Memory; for tests. No keys.")
    s3: S3 | None = Field(default=None, description="Amazon S3, or a service like it.")
    s3aws: S3 | None = older_spelling("s3")
    azure: Azure | None = Field(default=None, description="Microsoft Azure.")
    gcs: Gcs | None = Field(default=None, description="Google Cloud Storage.")
    swift: Swift | None = Field(default=None, description="OpenStack Swift.")
    oss: Oss | None = Field(default=None, description="Alibaba Cloud OSS.")
    rados: Rados | None = Field(default=None, description="Ceph RADOS.")
    cache: Cache = Field(default_factory=Cache, description="What is remembered about blobs.")
    maintenance: Maintenance = Field(
        default_factory=Maintenance, description="Periodic work, read-only mode."
    )
    delete: Delete = Field(default_factory=Delete, description="Deleting.")
    redirect: Redirect = Field(default_factory=Redirect, description="Sending clients to the storage.")
    tag: TagLookup = Field(default_factory=TagLookup, description="Looking up tags.")

    @property
    def driver(self) -> Driver:
        """The one driver that is configured."""
        name = self._present()[0]
        parameters: Section = getattr(self, name)
        return Driver(name, parameters)

    def _present(self) -> list[str]:
        return [name for name in DRIVERS if getattr(self, name) is not None]

    @model_validator(mode="after")
    def _exactly_one(self) -> Storage:
        found = self._present()
        if len(found) != 1:
            raise PydanticCustomError(
                "one_of", "exactly one driver is needed, not {found}", {"found": found or "none"}
            )
        return self
