"""How many connections a worker takes, if the system allows it fewer open files than the configuration needs.

A worker without a descriptor left cannot accept, and cannot open what the clients that it has ask for. So some are left over for files.
"""

from __future__ import annotations

import logging
import resource
from typing import Final

from moorage.config.sections.limits import Limits

log = logging.getLogger(__name__)

OWN: Final = 100
"""Descriptors of a worker itself: some forty, and those to other services."""


def allowed() -> int:
    """Raise the limit of this process and those forked from it as far as possible, and return it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def connections(limits: Limits, most: int) -> int:
    """The connections for a worker that may have `most` open files (`RLIM_INFINITY`: any number): as many as configured, if each
    transfer can have its file beside them. Otherwise what the files leave, but at least half; the operator is told."""
    files, room = min(limits.connections, limits.downloads + limits.uploads), most - OWN
    if most == resource.RLIM_INFINITY or limits.connections + files <= room:
        return limits.connections
    taken = min(limits.connections, max(1, room // 2, room - files))
    log.warning(
        "too few open files are allowed, so fewer connections are taken: raise LimitNOFILE of the unit, or ulimit -n",
        extra={"allowed": most, "needed": limits.connections + files + OWN, "connections": taken},
    )
    return taken
