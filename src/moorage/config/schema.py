"""The shape of the models: what loading, printing and the reference page need to know about each key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from moorage.config.sections.base import REPLACED_BY, Section
from moorage.config.values import SIZE, Kind, format_duration, format_size


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value. A textual one is taken as it is written; the others, such as numbers, as YAML understands them."""

    kind: Kind
    textual: bool
    number: bool = False
    least: Any = None
    most: Any = None

    def show(self, value: Any) -> str:
        """A value as a person would write it."""
        if isinstance(value, timedelta):
            return format_duration(value)
        if isinstance(value, bool):
            return str(value).lower()
        return format_size(value) if self.kind == SIZE else str(value)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list. One value alone is taken as a list of one."""

    item: Shape


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping whose keys are free."""

    value: Shape


@dataclass(frozen=True, slots=True)
class Keys:
    """A mapping with the keys of a section."""

    section: type[Section]


Shape: TypeAlias = Leaf | ListOf | MapOf | Keys


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a section. `replaced_by` is the dotted path, from that section, of its newer spelling."""

    name: str
    field: FieldInfo
    shape: Shape

    @property
    def replaced_by(self) -> str | None:
        extra = self.field.json_schema_extra
        return str(extra[REPLACED_BY]) if isinstance(extra, dict) and REPLACED_BY in extra else None

    @property
    def without_effect(self) -> bool:
        """Whether it is known for compatibility only; its description begins so."""
        return (self.field.description or "").startswith("Without effect")


PREFIX = "REGISTRY_"

_RESOLVED = {bool: Kind("true or false"), int: Kind("integer"), float: Kind("number"), Any: Kind("anything")}


@cache
def keys(section: type[Section]) -> Mapping[str, Key]:
    """The keys of a section by their spelling in the file, in order."""
    found = {}
    for attribute, field in section.model_fields.items():
        name = field.alias or attribute
        found[name] = Key(name, field, _shape(field.annotation, tuple(field.metadata)))
    return MappingProxyType(found)


def _shape(annotation: Any, marks: tuple[object, ...] = ()) -> Shape:
    bare, marks = _bare(annotation, marks)
    if get_origin(bare) is list:
        return ListOf(_shape(get_args(bare)[0]))
    if get_origin(bare) is dict:
        return MapOf(_shape(get_args(bare)[1]))
    if isinstance(bare, type) and issubclass(bare, Section):
        return Keys(bare)
    kinds = [mark for mark in marks if isinstance(mark, Kind)]
    return Leaf(
        kinds[-1] if kinds else _kind(bare),
        textual=bare not in _RESOLVED,
        number=bare in (int, float),
        least=next((mark.ge for mark in marks if hasattr(mark, "ge")), None),
        most=next((mark.le for mark in marks if hasattr(mark, "le")), None),
    )


def _bare(annotation: Any, marks: tuple[object, ...]) -> tuple[Any, tuple[object, ...]]:
    """The annotation without Annotated and `| None`, and the metadata that was on it."""
    while True:
        members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()
        present = [member for member in members if member is not NoneType]
        if hasattr(annotation, "__metadata__"):
            for mark in annotation.__metadata__:
                marks += tuple(mark.metadata) if isinstance(mark, FieldInfo) else (mark,)
            annotation = annotation.__origin__
        elif len(present) == 1:
            annotation = present[0]
        else:
            return annotation, marks


def _kind(bare: Any) -> Kind:
    if get_origin(bare) is Literal:
        return Kind(" or ".join(f"`{choice}`" for choice in get_args(bare)))
    return _RESOLVED.get(bare, Kind("text"))


def innermost(shape: Shape) -> Leaf | Keys:
    """The shape of what a list or a mapping holds in the end; of anything else its own."""
    while isinstance(shape, ListOf | MapOf):
        shape = shape.item if isinstance(shape, ListOf) else shape.value
    return shape


@cache
def walk(section: type[Section], prefix: str = "") -> Sequence[tuple[str, Key]]:
    """Every key below a section with its dotted path; `[0]` stands for any item of a list."""
    return tuple(_walk(section, prefix))


def _walk(section: type[Section], prefix: str) -> Iterator[tuple[str, Key]]:
    for name, key in keys(section).items():
        path = f"{prefix}.{name}" if prefix else name
        yield path, key
        inner = innermost(key.shape)
        if isinstance(inner, Keys) and not key.replaced_by:
            suffix = "[0]" if isinstance(key.shape, ListOf) else ""
            yield from walk(inner.section, path + suffix)


def variable_name(path: str) -> str:
    """The variable that sets the key at a dotted path."""
    return PREFIX + re.sub(r"[.\[]", "_", path).replace("]", "").upper()


def shape_at(section: type[Section], path: Sequence[str | int]) -> Shape | None:
    """The shape of the value at a path; None where there is no such key."""
    found: Shape | None = Keys(section)
    for part in path:
        if isinstance(found, Keys):
            key = keys(found.section).get(str(part))
            found = key.shape if key else None
        elif isinstance(found, ListOf | MapOf):
            found = found.item if isinstance(found, ListOf) else found.value
        else:
            return None
    return found
