"""The storage drivers that keep data on this machine."""

from __future__ import annotations

from pydantic import Field

from moorage.config.sections.base import Section

DEFAULT_ROOT = "/var/lib/registry"


class Filesystem(Section):
    rootdirectory: str = Field(
        default=DEFAULT_ROOT,
        description="The directory that holds everything; made if it is missing, in one that is there.",
    )
    maxthreads: int = Field(
        default=100,
        le=10_000,
        description="Without effect; known for compatibility: each worker has up to 16 threads for files.",
    )
    inlinereads: bool = Field(
        default=True,
        description="Read small files without handing them to a thread: faster on local disks. "
        "Turn it off on NFS and other slow file systems.",
    )
    journal: bool = Field(
        default=True,
        description="Write small files into a journal first, so that a push waits for fewer syncs. "
        "Only used on file systems that are known to be local, and not without `inlinereads`.",
    )


class Inmemory(Section):
    """No keys: nothing survives a restart, so there is nothing to set."""
