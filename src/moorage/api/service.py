"""What the handlers work with, made once per process by `moorage.app`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from moorage.api.limits import Lane, Limits, Memory, Room
from moorage.api.location import Locations
from moorage.api.resume import States
from moorage.auth.base import AccessController, TokenService
from moorage.events.base import EventSink
from moorage.store.registry import Registry

if TYPE_CHECKING:
    from moorage.api.exchange import Exchange

# The server holds so many pieces of an answer that its client is slow to take: sixteen to be written, five on their way.
DOWNLOAD_BUFFERS = 21
# Of the memory for bodies. Large manifests are parsed one at a time, and what they are parsed into is larger again.
MANIFESTS_SHARE = 4


@dataclass
class Service:
    """`access` None: everybody may do everything. `tokens`: what `/auth/token` answers with. `upload_seconds`: how long an upload
    goes on with a token that was valid when it began. `events` None: nobody wants to know what happened. `report`: is given what
    nobody foresaw; must not raise."""

    registry: Registry
    states: States
    locations: Locations = field(default_factory=Locations)
    limits: Limits = field(default_factory=Limits)
    delete_enabled: bool = False
    read_only: bool = False
    catalog_limit: int = 1000
    tags_limit: int = 1000
    access: AccessController | None = None
    tokens: TokenService | None = None
    upload_seconds: float = 7 * 86400.0
    healthy: Callable[[], bool] = lambda: True
    events: EventSink | None = None
    report: Callable[[Exception, Exchange], None] = lambda error, exchange: None

    def __post_init__(self) -> None:
        limits = self.limits
        self.reads = Lane("requests", limits.reads)
        self.downloads = Lane("downloads", limits.downloads)
        self.uploads = Lane("uploads", limits.uploads)
        self.pieces = Memory(limits.memory_bytes, buffers=DOWNLOAD_BUFFERS, least=8 << 10, most=256 << 10)
        self.manifests = Room(limits.memory_bytes // MANIFESTS_SHARE)
