"""Ports of the loopback for servers to come.

A port that the kernel chooses is anybody's again once it is known: before the server has it, another socket may, and whoever asks
that port is answered by a stranger. Those given here are outside the kernel's own, and of no other process of these tests.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

FIRST = 10_240
KERNELS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """One that nobody listens on, and that this process is not told again for thousands of calls."""
    return next(port for port in _mine if not taken(port))


def ports_of(worker: int, workers: int) -> range:
    """Those of one of the processes that run tests side by side."""
    first_of_kernel = int(KERNELS.read_text().split()[0])
    assert first_of_kernel > FIRST, f"{KERNELS} leaves no ports to choose from"
    return range(FIRST, first_of_kernel)[worker::workers]


def taken(port: int) -> bool:
    """Whether a socket has it, if only one of a connection that ended a while ago."""
    return _refused(port, again=False)


def listened_on(port: int) -> bool:
    return _refused(port, again=True)


def _refused(port: int, *, again: bool) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, again)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise
    return False


def _in_turn() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = ports_of(worker, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    # Whoever else runs these tests on this machine begins elsewhere.
    start = random.randrange(len(ports))
    return itertools.cycle([*ports[start:], *ports[:start]])


_mine = _in_turn()
