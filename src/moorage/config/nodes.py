"""A configuration before it is checked: YAML values that remember where each came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from moorage.config.problem import Problem


@dataclass(frozen=True, slots=True)
class Origin:
    """A line of the file (from 1) or an environment variable; neither, for built-in defaults."""

    line: int | None = None
    variable: str | None = None

    def __str__(self) -> str:
        return self.variable or (f"line {self.line}" if self.line else "built-in")

    def problem(self, path: Path, message: str, nearest: str | None = None) -> Problem:
        """A problem that is here."""
        return Problem(dotted(path), message, self.line, self.variable, nearest)


Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the root."""


@dataclass(slots=True)
class Scalar:
    """A single value: as it is written, and as YAML understands it (None, bool, int, float or str)."""

    text: str
    value: Any
    origin: Origin


@dataclass(slots=True)
class Items:
    """A list."""

    items: list[Node]
    origin: Origin


@dataclass(slots=True)
class Entries:
    """A mapping. `places` tells where each key is, which need not be where its value is."""

    entries: dict[str, Node]
    origin: Origin
    places: dict[str, Origin] = field(default_factory=dict)

    def put(self, key: str, value: Node, place: Origin | None = None) -> None:
        """Set a key, remembering where."""
        self.entries[key] = value
        self.places[key] = place or value.origin


Node: TypeAlias = Scalar | Items | Entries


def empty(origin: Origin) -> Scalar:
    """What an absent value looks like."""
    return Scalar("", None, origin)


def named(node: Node) -> Node:
    """`storage: inmemory` as `storage: {inmemory: }`; other nodes as they are."""
    if not isinstance(node, Scalar) or is_empty(node):
        return node
    return Entries({node.text: empty(node.origin)}, node.origin, {node.text: node.origin})


def is_empty(node: Node) -> bool:
    """Whether a node says nothing (`key:` or `key: ""`), so that the default applies."""
    return isinstance(node, Scalar) and (node.value is None or node.text == "")


def plain(node: Node) -> Any:
    """The node as YAML understands it."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, value in node.entries.items()}


def dotted(path: Path) -> str:
    """`notifications.endpoints[0].url`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def node_at(root: Node, path: Path) -> Node | None:
    """The node at a path, if it is there."""
    steps = list(_steps(root, path))
    return steps[-1][0] if len(steps) > len(path) else None


def origin_of(root: Node, path: Path) -> Origin:
    """Where the value at a path came from, or else its nearest ancestor that is there."""
    *_, (_, origin) = _steps(root, path)
    return origin


def _steps(node: Node, path: Path) -> Iterator[tuple[Node, Origin]]:
    """The nodes on the way, from the root, each with the place of its key."""
    yield node, node.origin
    for part in path:
        if isinstance(node, Entries) and part in node.entries:
            place, node = node.places[str(part)], node.entries[str(part)]
        elif isinstance(node, Items) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            place = node.origin
        else:
            return
        yield node, place
