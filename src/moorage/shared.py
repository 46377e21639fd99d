"""What the workers of one server share: made before they are forked, and the same to all of them."""

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
from moorage.store.descriptors.removals import Removals

_DOWN: Final = 1
_MOMENT: Final = struct.Struct("d")


class Switch:
    """A switch by which an operator takes a registry out of rotation, on whichever worker it is turned."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    @property
    def down(self) -> bool:
        return self._memory[0] == _DOWN

    def turn(self, *, down: bool) -> None:
        self._memory[0] = _DOWN if down else 0


class Ending:
    """When the certificate that is served ends, in seconds since 1970: told by the launcher, read by every worker."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _MOMENT.size)

    def tell(self, moment: float) -> None:
        self._memory[:] = _MOMENT.pack(moment)

    def moment(self) -> float:
        (moment,) = _MOMENT.unpack(self._memory[:])
        return float(moment)


@dataclass
class Shared:
    """`leader`: the file that the workers of all servers on one storage compete for; empty where there is one worker only.
    `instance`: another one after each start. `port`: where the registry listens, 0 for a unix socket. `debug`: the debug listener's
    socket, from which each worker takes connections. `metrics`: a folder in which each worker keeps what it counts; empty: nobody
    counts. `certificate`: None without TLS. `removals`: of links; `folders`: of folders on a disk. `bell`: rings when an event was
    kept. `kept`: of files about access. `outages`: which endpoints lose events."""

    leader: str = ""
    instance: str = field(default_factory=lambda: str(uuid.uuid4()))
    port: int = 0
    debug: socket.socket | None = None
    metrics: str = ""
    certificate: Ending | None = None
    removals: Removals = field(default_factory=Removals)
    folders: Removals = field(default_factory=Removals)
    remembered: Remembered = field(default_factory=Remembered)
    kept: Kept = field(default_factory=Kept)
    switch: Switch = field(default_factory=Switch)
    bell: Bell = field(default_factory=Bell)
    outages: OutageMemory = field(default_factory=OutageMemory)
