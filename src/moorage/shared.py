"""What the workers of one server share. It is made before they are forked."""

from __future__ import annotations

import mmap
import socket
import struct
import uuid
from dataclasses import dataclass, field
from typing import Final

from moorage.auth.kept import Kept
from moorage.auth.remembered import Remembered
from moorage.events.bell import Bell
from moorage.events.outages import OutageMemory
from moorage.events.unwritten import UnwrittenMemory
from moorage.store.descriptors.removals import Removals

_DOWN: Final = 1
_MOMENT: Final = struct.Struct("d")
_KEY_BYTES: Final = 32


class Switch:
    """A switch that takes all workers of a server out of rotation, whichever worker turns it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    @property
    def down(self) -> bool:
        return self._memory[0] == _DOWN

    def turn(self, *, down: bool) -> None:
        self._memory[0] = _DOWN if down else 0


class Ending:
    """When the served certificate expires, in seconds since 1970: written by the launcher, read by every worker."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _MOMENT.size)

    def tell(self, moment: float) -> None:
        self._memory[:] = _MOMENT.pack(moment)

    def moment(self) -> float:
        (moment,) = _MOMENT.unpack(self._memory[:])
        return float(moment)


class SharedKey:
    """A key that the first worker has read or made, for its siblings and successors: their start does not need the storage then."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1 + _KEY_BYTES)

    def get(self) -> bytes:
        """Empty if there is none yet."""
        return self._memory[1:] if self._memory[0] else b""

    def keep(self, key: bytes) -> bytes:
        """Keep the key, unless there is one; the one that is kept. Needs 32 bytes."""
        if not self._memory[0]:
            self._memory[1:] = key
            self._memory[0] = 1
        return self.get()


@dataclass
class Shared:
    """Everything that the workers of one server share."""

    leader: str = ""
    """The file that the workers of all servers on one storage compete to lock; empty if the storage is not a filesystem."""
    instance: str = field(default_factory=lambda: str(uuid.uuid4()))
    """A new value at each start of the server."""
    port: int = 0
    """The port on which the registry listens; 0 for a unix socket."""
    debug: socket.socket | None = None
    """The socket of the debug listener, from which every worker accepts connections."""
    metrics: str = ""
    """The folder in which each worker keeps its counts; empty if nothing is counted."""
    certificate: Ending | None = None
    """None without TLS."""
    removals: Removals = field(default_factory=Removals)
    """Changes whenever a worker removes links."""
    folders: Removals = field(default_factory=Removals)
    """Changes whenever a worker removes folders on the disk."""
    remembered: Remembered = field(default_factory=Remembered)
    """Credentials that were checked a short while ago."""
    kept: Kept = field(default_factory=Kept)
    """The last valid contents of the files that control access."""
    upload_key: SharedKey = field(default_factory=SharedKey)
    """Signs the states of uploads."""
    switch: Switch = field(default_factory=Switch)
    """Down when an operator has taken the server out of service."""
    leaving: Switch = field(default_factory=Switch)
    """Down as soon as the server drains."""
    bell: Bell = field(default_factory=Bell)
    """Rings when an event was queued."""
    outages: OutageMemory = field(default_factory=OutageMemory)
    """Which endpoints of notifications are losing events."""
    unwritten: UnwrittenMemory = field(default_factory=UnwrittenMemory)
    """What is counted of events, and cannot be written to their queue."""
