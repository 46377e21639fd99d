"""`http.limits`: what one client, and all of them together, may use."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from moorage.config.sections.base import Section
from moorage.config.values import Duration, Size

Concurrent = Annotated[int, Field(ge=1, le=1_000_000)]
Patience = Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(hours=24))]


class Limits(Section):
    connections: Concurrent = Field(default=16384, description="Most open connections, per worker.")
    reads: Concurrent = Field(
        default=4000, description="Most requests for manifests, tags and lists at a time, per worker."
    )
    downloads: Concurrent = Field(
        default=2000,
        description="Most blobs, and manifests and lists over 64 KiB, being sent at a time, per worker.",
    )
    uploads: Concurrent = Field(
        default=1000, description="Most uploads being received at a time, per worker."
    )
    manifestsize: Annotated[Size, Field(ge=1 << 10, le=1 << 30)] = Field(
        default=4 << 20, description="Largest manifest. The OCI specification asks for at least 4 MiB."
    )
    headertimeout: Patience = Field(
        default=timedelta(seconds=20), description="Longest wait for the headers of a request."
    )
    # So that thousands that go silent at once are gone within 30 seconds.
    bodytimeout: Patience = Field(
        default=timedelta(seconds=28), description="No byte of a body for so long ends the request."
    )
    sendtimeout: Patience = Field(
        default=timedelta(seconds=60), description="A client that takes no byte for so long is cut off."
    )
    minrate: Annotated[Size, Field(ge=0, le=1 << 30)] = Field(
        default=1024,
        description="Bytes per second, measured over a minute, below which an upload is cut; 0: no limit.",
    )
    memory: Annotated[Size, Field(ge=1 << 20)] = Field(
        default=64 << 20,
        description="Each of these may take this much, per worker: buffers of uploads, of downloads, and of manifests and lists over "
        "64 KiB being sent. Large manifests that arrive: a quarter of it. Parts of uploads to an object store: eight times it.",
    )
