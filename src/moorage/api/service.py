"""The parts that the handlers work with, made once per process by `moorage.app`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from moorage.api.limits import Lane, Limits, WaitingRoom
from moorage.api.location import Locations
from moorage.api.memory import Held, Memory, Room
from moorage.api.refusals import Refusals
from moorage.api.resume import States
from moorage.auth.base import AccessController, TokenService
from moorage.events.base import EventSink
from moorage.store.registry import Registry

if TYPE_CHECKING:
    from moorage.api.exchange import Exchange

# The pieces of one answer that the server holds for a slow client: sixteen to be written, five on their way.
DOWNLOAD_BUFFERS = 21
# Manifests get a quarter of the memory for bodies. Large ones are parsed one at a time, and take more memory when parsed.
MANIFESTS_SHARE = 4
# Half of the places of uploads are for manifests that are on their way.
ARRIVING_SHARE = 2
# A sixteenth of all places is for what anybody may send: forms of the token service, and the bodies of refused requests.
STRANGERS_SHARE = 16


@dataclass
class Service:
    """The registry, and everything around it that a handler needs."""

    registry: Registry
    states: States
    locations: Locations = field(default_factory=Locations)
    limits: Limits = field(default_factory=Limits)
    delete_enabled: bool = False
    read_only: bool = False
    catalog_limit: int = 1000
    tags_limit: int = 1000
    access: AccessController | None = None
    """None: every client may do everything."""
    refusals: Refusals = field(default_factory=Refusals)
    tokens: TokenService | None = None
    """Answers `/auth/token`; None: this registry is not a token service."""
    upload_seconds: float = 7 * 86400.0
    """How long an upload may go on with a token that was valid when it began."""
    healthy: Callable[[], bool] = lambda: True
    events: EventSink | None = None
    """None: no events are recorded."""
    report: Callable[[Exception, Exchange], None] = lambda error, exchange: None
    """Takes unexpected errors; must not raise."""

    def __post_init__(self) -> None:
        limits = self.limits
        self.reads = Lane("requests", limits.reads)
        self.downloads = Lane("downloads", limits.downloads)
        self.uploads = Lane("uploads", limits.uploads)
        self.pieces = Memory(limits.memory_bytes, buffers=DOWNLOAD_BUFFERS, least=8 << 10, most=256 << 10)
        self.manifests = Room(limits.memory_bytes // MANIFESTS_SHARE)
        self.held = Held(limits.memory_bytes)
        self.arriving = WaitingRoom(limits.uploads // ARRIVING_SHARE)
        self.strangers = WaitingRoom(limits.reads // STRANGERS_SHARE)
