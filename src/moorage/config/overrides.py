"""`REGISTRY_*` variables on top of the file: every key, list item (`_0`) and entry of a mapping.

The name of a variable is the path of the key in capitals. Its parts are told apart with the models at hand,
so that keys with an underscore (`max_retries`) and free keys (`X-Frame-Options`, `my_field`) are reached too.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from moorage.config.document import is_text, parse
from moorage.config.nodes import Entries, Items, Node, Origin, Path, Scalar, dotted, is_empty, named
from moorage.config.problem import ConfigurationError, Problem
from moorage.config.schema import PREFIX, Keys, Leaf, ListOf, MapOf, Shape, keys, variable_name, walk
from moorage.config.sections.base import Section

PATH_VARIABLE = "REGISTRY_CONFIGURATION_PATH"
# Container platforms announce every service to every container in variables; services that are named
# `registry` or `registry-redis` give such names. No key of ours ends like them.
_ANNOUNCED = re.compile(r"REGISTRY_(.+_)?(SERVICE_(HOST|PORT)(_.+)?|PORT(_[0-9]+_(TCP|UDP)(_.+)?)?)")
_INDEX = re.compile(r"([0-9]{1,4})(?:_(.+))?")
_INDEXED_NAME = re.compile(r"(.+)_([0-9]{1,4})")
_QUOTED = re.compile(r"""(['"]).*\1\s*""", re.DOTALL)
_LINE_END = re.compile(r"\r?\n\Z")


@dataclass(frozen=True)
class Overridden:
    """The nodes with the variables applied, and what was wrong with the variables."""

    root: Node
    errors: list[Problem]
    warnings: list[Problem]


class _UnknownVariable(Exception):
    """The variable names no key."""


def override(root: Node, section: type[Section], environ: Mapping[str, str]) -> Overridden:
    """Apply the variables in sorted order.

    So REGISTRY_STORAGE, which erases what is below it, comes before REGISTRY_STORAGE_S3_BUCKET. Numbers sort
    as numbers, or item 10 of a list would come before item 2.
    """
    done = Overridden(root, [], [])
    for variable in sorted((name for name in environ if name.startswith(PREFIX)), key=_order):
        if not is_text(variable + environ[variable]):
            done.errors.append(Problem("", "is not UTF-8 text", variable=variable))
            continue
        assignment = _Assignment(variable, environ[variable])
        try:
            root = assignment.apply(root, Keys(section), variable.removeprefix(PREFIX), ())
        except ConfigurationError as error:
            done.errors.extend(error.problems)
        except _UnknownVariable:
            done.warnings.extend(_explanation(variable, section))
    return replace(done, root=root)


def _order(variable: str) -> list[tuple[int, str]]:
    return [(int(part), "") if _INDEX.fullmatch(part) else (-1, part) for part in variable.split("_")]


def _explanation(variable: str, section: type[Section]) -> list[Problem]:
    if variable == PATH_VARIABLE or _ANNOUNCED.fullmatch(variable):
        return []
    if variable == variable_name("version"):
        return [Problem("version", "is set in the file only; the variable is ignored", variable=variable)]
    import difflib  # for mistakes only: every process of a server would have it in its memory

    # Without the beginning that all have, by which all short ones are alike.
    names = [variable_name(path).removeprefix(PREFIX) for path, _ in walk(section)]
    found = difflib.get_close_matches(variable.removeprefix(PREFIX).upper(), names, n=1, cutoff=0.75)
    nearest = f"{PREFIX}{found[0]}" if found else None
    return [Problem("", "names no key and is ignored", variable=variable, nearest=nearest)]


def _in_use(node: Node | None, section: type[Section], name: str) -> str:
    """The spelling, older or newer, under which a section is there: in the other one, a variable would begin a second section."""
    key = keys(section)[name]
    if isinstance(key.shape, Keys) and isinstance(node, Entries) and name not in node.entries:
        for other in keys(section).values():
            if other.name in node.entries and (other.replaced_by == name or key.replaced_by == other.name):
                return other.name
    return name


def _is_textual(shape: Shape) -> bool:
    return isinstance(shape, Leaf) and shape.textual


class _Assignment:
    """One variable on its way down the models."""

    def __init__(self, variable: str, value: str) -> None:
        self._value = value
        self._origin = Origin(variable=variable)

    def apply(self, node: Node | None, shape: Shape, rest: str, path: Path) -> Node:
        """The node with the value put at `rest`, what is left of the variable's name.

        A node that has not the form its key asks for is left alone: the check that follows tells about it.
        """
        if not rest and not path:
            # `REGISTRY_` would be all of the file, with what protects it.
            raise _UnknownVariable
        if not rest:
            return self._parsed(shape, path)
        if isinstance(shape, Keys):
            return self._into_section(node, shape.section, rest, path)
        if isinstance(shape, ListOf):
            return self._into_list(node, shape, rest, path)
        if isinstance(shape, MapOf):
            return self._into_map(node, shape, rest, path)
        raise _UnknownVariable

    def _parsed(self, shape: Shape, path: Path) -> Node:
        if _is_textual(shape):
            return self._text()
        texts = isinstance(shape, ListOf) and _is_textual(shape.item)
        try:
            node = parse(self._value, variable=self._origin.variable)
        except ConfigurationError as error:
            if texts and not self._value.lstrip().startswith(("[", "{")):
                return self._text()
            if not isinstance(shape, Leaf):
                problems = [replace(problem, path=dotted(path)) for problem in error.problems]
                raise ConfigurationError(problems) from None
            return Scalar(self._value, self._value, self._origin)
        return self._text() if texts and isinstance(node, Scalar) else node

    def _text(self) -> Node:
        """The value as it is, since a password may well look like YAML: `#abc`, `{secret`, `a: b`. In quotes it is read as YAML.

        A line end at its end is left out: files with secrets have one.
        """
        if _QUOTED.fullmatch(self._value):
            with contextlib.suppress(ConfigurationError):
                node = parse(self._value, variable=self._origin.variable)
                if isinstance(node, Scalar):
                    return node
        text = _LINE_END.sub("", self._value)
        return Scalar(text, text, self._origin)

    def _into_section(self, node: Node | None, section: type[Section], rest: str, path: Path) -> Node:
        if node is not None and section.one_of:
            node = named(node)
        names = [name for name in keys(section) if f"{rest}_".upper().startswith(f"{name}_".upper())]
        if not names or (*path, *names) == ("version",):
            raise _UnknownVariable
        name = max(names, key=len)
        if len(rest) == len(name) + 1:
            # `REGISTRY_AUTH_` ends before the name of a key.
            raise _UnknownVariable
        rest = rest[len(name) + 1 :]
        name = _in_use(node, section, name)
        return self._into_entry(node, name, keys(section)[name].shape, rest, path)

    def _into_map(self, node: Node | None, shape: MapOf, rest: str, path: Path) -> Node:
        indexed = _INDEXED_NAME.fullmatch(rest) if isinstance(shape.value, ListOf) else None
        wanted, index = indexed.groups() if indexed else (rest, "")
        present = node.entries if isinstance(node, Entries) else {}
        name = next((name for name in present if name.upper() == wanted.upper()), wanted.lower())
        return self._into_entry(node, name, shape.value, index, path)

    def _into_entry(self, node: Node | None, name: str, shape: Shape, rest: str, path: Path) -> Node:
        if node is None or is_empty(node):
            node = Entries({}, self._origin)
        if isinstance(node, Entries):
            old = node.entries.get(name)
            new = self.apply(old, shape, rest, (*path, name))
            if new is not old:
                node.put(name, new, self._origin)
        return node

    def _into_list(self, node: Node | None, shape: ListOf, rest: str, path: Path) -> Node:
        match = _INDEX.fullmatch(rest)
        if match is None:
            raise _UnknownVariable
        if node is None or is_empty(node):
            node = Items([], self._origin)
        elif isinstance(node, Scalar):
            node = Items([node], node.origin)
        if isinstance(node, Items):
            self._into_item(node, shape, int(match[1]), match[2] or "", path)
        return node

    def _into_item(self, node: Items, shape: ListOf, index: int, rest: str, path: Path) -> None:
        count = len(node.items)
        if index > count:
            message = f"cannot be set: the list has {count} items, so the next is number {count}"
            raise ConfigurationError([self._origin.problem((*path, index), message)])
        if not rest and not self._value:
            # Left out without a word, an authority or a signing secret would be missing.
            message = "is empty: give it a value, or unset the variable"
            raise ConfigurationError([self._origin.problem((*path, index), message)])
        old = node.items[index] if index < count else None
        node.items[index : index + 1] = [self.apply(old, shape.item, rest, (*path, index))]
