"""From nodes to the data the models are made of, and the problems that a model cannot see.

Unknown keys are left out with a warning; sections of which one kind is chosen are checked here, where it is
known which line or variable each kind came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from moorage.config.nodes import Entries, Items, Node, Path, Scalar, dotted, is_empty, origin_of, plain
from moorage.config.problem import Problem
from moorage.config.schema import Keys, Leaf, ListOf, MapOf, Shape, keys, variable_name, walk
from moorage.config.sections.base import Section
from moorage.config.values import DURATION, MINUTES, nanoseconds

_MILLISECOND = 1_000_000


class Binding:
    """The data for a model, and what was wrong or odd on the way."""

    def __init__(self, root: Node, section: type[Section]) -> None:
        self._root = root
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []
        self._everywhere = [path for path, key in walk(section) if not key.replaced_by]
        self.data = self._bind(root, Keys(section), ())

    def _bind(self, node: Node, shape: Shape, path: Path) -> Any:
        """Data of the form the shape asks for; a node of another form stays, for the model to refuse."""
        if isinstance(shape, Keys):
            if is_empty(node):
                return {}
            return self._section(node, shape.section, path) if isinstance(node, Entries) else plain(node)
        if isinstance(shape, ListOf) and is_empty(node):
            # A name in a mapping, such as a header without values.
            return []
        if isinstance(shape, ListOf) and isinstance(node, Items):
            return [self._bind(item, shape.item, (*path, i)) for i, item in enumerate(node.items)]
        if isinstance(shape, MapOf) and isinstance(node, Entries):
            return {k: self._bind(v, shape.value, (*path, k)) for k, v in node.entries.items()}
        if isinstance(shape, Leaf) and isinstance(node, Scalar):
            self._odd_duration(node, shape, path)
            if shape.number and isinstance(node.value, bool):
                # For Python, true is 1: as text it is refused.
                return node.text
            return node.text if shape.textual and node.value is not None else node.value
        return plain(node)

    def _section(self, node: Entries, section: type[Section], path: Path) -> dict[str, Any]:
        known = keys(section)
        data = {}
        for name, child in node.entries.items():
            # An empty value leaves the default, but `inmemory:` chooses a driver.
            if name in known and (name in section.one_of or not is_empty(child)):
                data[name] = self._bind(child, known[name].shape, (*path, name))
        self._check_names(node, section, path)
        return data

    def _check_names(self, node: Entries, section: type[Section], path: Path) -> None:
        chosen = [name for name in node.entries if name in section.one_of]
        unknown = [name for name in node.entries if name not in keys(section)]
        kinds = ", ".join(sorted(section.one_of))
        if len(chosen) > 1:
            self._too_many(node, chosen, path)
        elif section.needs_one and not chosen and not unknown:
            self.errors.append(origin_of(self._root, path).problem(path, f"needs one of {kinds}"))
        for name in unknown:
            if section.one_of and not chosen:
                # A misspelt kind must not pass as none at all: the registry would be open to everybody.
                self.errors.append(self._unknown(node, name, section, path, f"is not one of {kinds}"))
            else:
                message = "is not a known key and is ignored"
                self.warnings.append(self._unknown(node, name, section, path, message))

    def _too_many(self, node: Entries, chosen: Sequence[str], path: Path) -> None:
        listed = " and ".join(f"{name} ({node.places[name]})" for name in chosen)
        message = f"may have one of these only, but has {listed}"
        late = [name for name in chosen if node.places[name].variable]
        if late and len(late) < len(chosen):
            variable = f"{variable_name(dotted(path))}={late[0]}"
            message += (
                f"; remove the others from the file, or set {variable} too, "
                f"which drops all keys of {dotted(path)} in the file"
            )
        self.errors.append(node.places[chosen[-1]].problem(path, message))

    def _unknown(self, node: Entries, name: str, section: type[Section], path: Path, message: str) -> Problem:
        nearest = _nearest(name, keys(section))
        # A name that several sections have, such as `enabled`, does not tell which of them was meant.
        elsewhere = [other for other in self._everywhere if other.rpartition(".")[2] == name]
        alone = elsewhere[0] if len(elsewhere) == 1 else None
        hint = dotted((*path, nearest)) if nearest else alone
        return node.places[name].problem((*path, name), message, hint)

    def _odd_duration(self, node: Scalar, shape: Leaf, path: Path) -> None:
        bare = node.text.isdecimal()
        if shape.kind == MINUTES and bare:
            message = f"is taken as {node.text} minutes; write {node.text}m"
        elif shape.kind == DURATION and _is_tiny(node.text):
            message = f"counts nanoseconds; write {node.text}ms for milliseconds" if bare else "is under 1ms"
        else:
            return
        self.warnings.append(node.origin.problem(path, message))


def _is_tiny(text: str) -> bool:
    try:
        return 0 < abs(nanoseconds(text)) < _MILLISECOND
    except ValueError:
        return False


def _nearest(name: str, candidates: Iterable[str]) -> str | None:
    import difflib  # for mistakes only: every process of a server would have it in its memory

    found = difflib.get_close_matches(
        name.lower().replace("_", "").replace("-", ""), candidates, n=1, cutoff=0.6
    )
    return found[0] if found else None
