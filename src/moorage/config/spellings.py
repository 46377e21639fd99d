"""Other ways to write the same: bare names, single values for lists, older keys.

Values that move keep their origin, so that a problem still points at what the person wrote.
"""

from __future__ import annotations

from collections.abc import Sequence

from moorage.config.nodes import Entries, Items, Node, Origin, Path, Scalar, dotted, is_empty, named
from moorage.config.problem import Problem
from moorage.config.schema import Key, Keys, Leaf, ListOf, MapOf, Shape, keys
from moorage.config.sections.base import Section


def modernise(root: Node, section: type[Section]) -> tuple[Node, list[Problem]]:
    """The nodes in today's spelling, and a warning for each older key that lost against its newer one."""
    visitor = _Visitor()
    return visitor.visit(root, Keys(section), (), ()), visitor.warnings


class _Visitor:
    def __init__(self) -> None:
        self.warnings: list[Problem] = []

    def visit(self, node: Node, shape: Shape, path: Path, above: Sequence[Entries]) -> Node:
        if isinstance(shape, ListOf):
            if isinstance(node, Scalar) and isinstance(shape.item, Leaf) and not is_empty(node):
                node = Items([node], node.origin)
            if isinstance(node, Items):
                node.items = [self.visit(v, shape.item, (*path, i), ()) for i, v in enumerate(node.items)]
        elif isinstance(shape, MapOf) and isinstance(node, Entries):
            node.entries = {k: self.visit(v, shape.value, (*path, k), ()) for k, v in node.entries.items()}
        elif isinstance(shape, Keys):
            return self._section(node, shape.section, path, above)
        return node

    def _section(self, node: Node, section: type[Section], path: Path, above: Sequence[Entries]) -> Node:
        if section.one_of:
            node = named(node)
        if isinstance(node, Entries):
            known = keys(section)
            for key in known.values():
                if key.replaced_by and key.name in node.entries:
                    self._move(key, path, (*above, node))
            for name in [name for name in node.entries if name in known]:
                inner = self.visit(node.entries[name], known[name].shape, (*path, name), (*above, node))
                node.entries[name] = inner
        return node

    def _move(self, key: Key, path: Path, above: Sequence[Entries]) -> None:
        """Move one older key; `above` are the sections around it, the innermost last."""
        value, place = above[-1].entries.pop(key.name), above[-1].places.pop(key.name)
        value = self.visit(value, key.shape, (*path, key.name), above)
        target_path = str(key.replaced_by)
        up = len(target_path) - len(target_path.lstrip("^"))
        names = target_path.lstrip("^").split(".")
        if names[-1] == "0":
            names.pop()
            value = value if is_empty(value) else Items([value], value.origin)
        target = _descend(above[-1 - up], names[:-1], place)
        if target is not None and not _take(target, names[-1], value, place, isinstance(key.shape, ListOf)):
            newer = dotted((*path[: len(path) - up], *names))
            problem = place.problem((*path, key.name), f"is ignored, because {newer} is set too")
            self.warnings.append(problem)


def _descend(entries: Entries, names: Sequence[str], place: Origin) -> Entries | None:
    """The mapping below, made where it is missing; None where there is something else, which is a mistake."""
    for name in names:
        child = entries.entries.get(name)
        if child is None or is_empty(child):
            child = Entries({}, place)
            entries.put(name, child)
        if not isinstance(child, Entries):
            return None
        entries = child
    return entries


def _take(target: Entries, name: str, value: Node, place: Origin, is_list: bool) -> bool:
    """Put a value under its newer name, or add it to the list there; False if it stays out.

    The newer spelling wins, unless only the older one comes from a variable: who sets a variable means it.
    """
    present = target.entries.get(name)
    if present is not None and not is_empty(present):
        if is_empty(value):
            return True
        if is_list and isinstance(present, Items) and isinstance(value, Items):
            present.items += value.items
            return True
        if target.places[name].variable or not place.variable:
            return False
    target.put(name, value, place)
    return True
