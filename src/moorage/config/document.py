"""YAML text into nodes: only plain data, no key twice, and bounded whatever the text is.

A text that is not YAML, or exceeds a bound, is refused. Other mistakes are noted, and what is around them is read, so that all of a
configuration's mistakes can be told at once.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from moorage.config.loader import Loader
from moorage.config.nodes import Entries, Items, Node, Origin, Path, Scalar, empty, is_empty
from moorage.config.problem import ConfigurationError, Problem

# Aliases let a few lines of text stand for billions of values; a real configuration has some hundred.
MOST_VALUES = 20_000
MOST_CHARACTERS = 1 << 20
DEEPEST = 32

_TAG = "tag:yaml.org,2002:"
_RESOLVED_TAGS = {f"{_TAG}{name}" for name in ("null", "bool", "int", "float")}
# Dates are kept as text: no key of ours is a date, and PyYAML fails on those of no calendar.
_TEXT_TAGS = {f"{_TAG}{name}" for name in ("str", "timestamp", "value", "merge")}
_TAGGED = "has a tag, which has no meaning here: write a value that begins with ! in quotes"
"""Without the tag, which may be a password."""
_STANDIN = "…"
"""Stands where a value cannot be read: that one is there is known, so nobody need be told that it is missing."""


def parse(text: str, *, variable: str | None = None) -> Node:
    """The nodes of one document; raises ConfigurationError with every mistake. `variable` is where the text is from, if set."""
    root, mistakes = parse_noting(text, variable=variable)
    if mistakes:
        raise ConfigurationError(mistakes)
    return root


def parse_noting(text: str, *, variable: str | None = None) -> tuple[Node, list[Problem]]:
    """The nodes of one document, and what is wrong with it: tags, keys that are twice there or not text, and values that are not text.
    Raises ConfigurationError for a text of which nothing can be made."""
    if len(text) > MOST_CHARACTERS:
        raise _error(Origin(variable=variable), f"is larger than {MOST_CHARACTERS} characters")
    try:
        loader = Loader(text)
        root = loader.get_single_node()
        if root is None:
            return empty(Origin(None, variable) if variable else Origin(1)), []
        reader = _Reader(loader, variable)
        return reader.read(root, ()), reader.mistakes
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Origin(mark.line + 1 if mark and variable is None else None, variable)
        raise _error(place, f"is not YAML: {_harmless(error.problem or error.context)}") from None
    except yaml.YAMLError:
        raise _error(Origin(variable=variable), "is not YAML: a character is not allowed in text") from None
    except RecursionError:
        raise _error(Origin(variable=variable), f"is nested deeper than {DEEPEST} levels") from None


def is_text(value: str) -> bool:
    """Escapes such as "\\0" and "\\ud800" give strings that no file system and no encoding takes."""
    return "\0" not in value and not re.search("[\ud800-\udfff]", value)


def _is_odd_number(text: str, value: Any) -> bool:
    """Whether a number is better taken as text: `10:30`, which counts in sixties in YAML 1.1 only, and infinity, which JSON lacks."""
    return isinstance(value, int | float) and (":" in text or not math.isfinite(value))


def _harmless(message: str | None) -> str:
    """PyYAML's message without the words it quotes: they may be parts of a password."""
    told = (message or "unknown mistake").replace(r"'\t'", "a tab")
    return re.sub(r"'[^'\n]{2,}'", "…", told)


def _error(origin: Origin, message: str, path: Path = ()) -> ConfigurationError:
    return ConfigurationError([origin.problem(path, message)])


class _Reader:
    """Turns PyYAML's graph, in which aliases share nodes, into a tree, counting what it makes and noting what is wrong."""

    def __init__(self, loader: Loader, variable: str | None) -> None:
        self.mistakes: list[Problem] = []
        self._loader = loader
        self._variable = variable
        self._count = 0

    def read(self, node: Any, path: Path) -> Node:
        origin = self._origin(node)
        self._count += 1
        if self._count > MOST_VALUES:
            raise _error(origin, f"has more than {MOST_VALUES} values; are there aliases of aliases?")
        if len(path) > DEEPEST:
            raise _error(origin, f"is nested deeper than {DEEPEST} levels")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, origin, path)
        if node.tag not in (f"{_TAG}seq", f"{_TAG}map"):
            self._note(origin, _TAGGED, path)
        if isinstance(node, yaml.SequenceNode):
            return Items([self.read(item, (*path, i)) for i, item in enumerate(node.value)], origin)
        return self._entries(node, path)

    def _note(self, origin: Origin, message: str, path: Path) -> None:
        self.mistakes.append(origin.problem(path, message))

    def _origin(self, node: Any) -> Origin:
        return Origin(variable=self._variable) if self._variable else Origin(line=node.start_mark.line + 1)

    def _scalar(self, node: yaml.ScalarNode, origin: Origin, path: Path) -> Scalar:
        if not is_text(node.value):
            self._note(origin, "holds a character that cannot be in text", path)
            return Scalar(_STANDIN, _STANDIN, origin)
        if node.tag in _RESOLVED_TAGS:
            value = self._loader.value_of(node)
            return Scalar(node.value, node.value if _is_odd_number(node.value, value) else value, origin)
        if node.tag not in _TEXT_TAGS:
            self._note(origin, _TAGGED, path)
            return Scalar(node.value or _STANDIN, node.value or _STANDIN, origin)
        return Scalar(node.value, node.value, origin)

    def _entries(self, node: yaml.MappingNode, path: Path) -> Entries:
        found = Entries({}, self._origin(node))
        merged: list[Node] = []
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                merged.append(self.read(value, path))
            elif not isinstance(key, yaml.ScalarNode) or not is_text(key.value):
                self._note(self._origin(key), "has a key that is not text", path)
                self.read(value, (*path, _STANDIN))
            elif key.value in found.entries:
                self._again(key, self.read(value, (*path, key.value)), found, path)
            else:
                found.put(key.value, self.read(value, (*path, key.value)), self._origin(key))
        for node_to_merge in merged:
            self._merge(node_to_merge, found, path)
        return found

    def _again(self, key: yaml.ScalarNode, value: Node, found: Entries, path: Path) -> None:
        """A key that is there already. Its first value stays; a section that was begun again, or was empty, goes on, so that what is wrong
        with both halves is told, and nothing of the second is said to be missing."""
        first = found.entries[key.value]
        message = f"is there twice, first at {found.places[key.value]}"
        self._note(self._origin(key), message, (*path, key.value))
        if is_empty(first):
            found.entries[key.value] = value
        elif isinstance(first, Entries) and isinstance(value, Entries):
            _add(value, first)

    def _merge(self, source: Node, target: Entries, path: Path) -> None:
        """`<<: *anchor`: keys of the anchored mapping (or of several in a list) that are not there yet."""
        for mapping in source.items if isinstance(source, Items) else [source]:
            if isinstance(mapping, Entries):
                _add(mapping, target)
            else:
                self._note(source.origin, "merges (<<) something that is not a mapping", path)


def _add(source: Entries, target: Entries) -> None:
    """Put the keys that are not there yet."""
    for key, value in source.entries.items():
        if key not in target.entries:
            target.put(key, value, source.places[key])
