"""How many connections to Redis this process has.

Reads private attributes of redis-py's clients, because those of a cluster do not expose it in any other way. Imports
nothing of redis-py, because it also works where that is not installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from weakref import WeakSet

_clients: WeakSet[Any] = WeakSet()


class Pool(NamedTuple):
    """Connections: `active` are executing a command, `idle` are open and wait for one, `most` may be open at once."""

    active: int
    idle: int
    most: int


def opened(client: object) -> None:
    """Count the client from now on, until it is closed or no longer referenced."""
    _clients.add(client)


def closed(client: object) -> None:
    _clients.discard(client)


def connections() -> Pool:
    """The connections of all clients of this process together."""
    found = [pool for client in tuple(_clients) for pool in _pools(client)]
    return Pool(*map(sum, zip(*found, strict=True))) if found else Pool(0, 0, 0)


def _pools(client: Any) -> Iterator[Pool]:
    if (pool := getattr(client, "connection_pool", None)) is not None:
        idle = pool._available_connections
        yield Pool(len(pool._in_use_connections), _open(idle), pool.max_connections)
    elif (nodes := getattr(client, "get_nodes", None)) is not None:
        for node in nodes():
            active = len(node._connections) - len(node._free)
            yield Pool(active, _open(node._free), node.max_connections)


def _open(connections: Any) -> int:
    """How many are open. A connection that failed stays in its pool, and is opened again when it is needed."""
    return sum(connection.is_connected for connection in connections)
