"""How many connections to Redis this process has, for whoever looks into it.

Asks the clients of redis-py for what they keep to themselves, for those of a cluster tell it in no other way. Imports nothing of redis-py:
it is also asked where that is not installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from weakref import WeakSet

_clients: WeakSet[Any] = WeakSet()


class Pool(NamedTuple):
    """Connections: `active` are with a command just now, `idle` are open and wait for one, `most` may be open at once."""

    active: int
    idle: int
    most: int


def opened(client: object) -> None:
    """The client counts from now on, until it is closed or nobody has it any more."""
    _clients.add(client)


def closed(client: object) -> None:
    _clients.discard(client)


def connections() -> Pool:
    """Of all clients of this process together."""
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
    """A connection that failed stays in its pool, to be made anew when it is needed."""
    return sum(connection.is_connected for connection in connections)
