"""The storage drivers that keep data on this machine."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from moorage.config.sections.base import Section

DEFAULT_ROOT = "/var/lib/registry"
_FEWEST_THREADS = 25


class Filesystem(Section):
    rootdirectory: str = Field(
        default=DEFAULT_ROOT,
        description="The directory that holds everything; made if it is missing, in one that is there.",
    )
    maxthreads: Annotated[int, AfterValidator(lambda count: max(count, _FEWEST_THREADS))] = Field(
        default=100,
        le=10_000,
        description="Most file operations at a time, per worker; more than 16 make no difference, since they would only "
        "wait for each other.",
    )
    inlinereads: bool = Field(
        default=True,
        description="Read small files without handing them to a thread: faster on local disks. "
        "Turn it off on NFS and other slow file systems.",
    )


class Inmemory(Section):
    """No keys: nothing survives a restart, so there is nothing to set."""
