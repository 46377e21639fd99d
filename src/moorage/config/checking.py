"""What pydantic says about a value, in the words of the file: path, line or variable, what is wanted."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from moorage.config.binding import Binding
from moorage.config.configuration import Configuration
from moorage.config.effects import ineffective
from moorage.config.nodes import Node, Path, Scalar, is_empty, node_at, origin_of
from moorage.config.problem import ConfigurationError, Problem
from moorage.config.schema import Leaf, Shape, shape_at
from moorage.config.values import HIDDEN, HiddenURL

_MESSAGES = {
    "missing": "is required",
    "model_type": "must be a section with keys of its own",
    "dict_type": "must be a mapping of names to values",
    "list_type": "must be a list",
    "string_type": "must be text",
    "string_sub_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large",
    "int_from_float": "must be a whole number",
    "finite_number": "must be a whole number",
    "string_unicode": "must be valid Unicode",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {least}",
    "less_than_equal": "must be at most {most}",
    "value_error": "{error}",
}
_LONGEST_SHOWN = 60


def check(root: Node) -> tuple[Configuration, list[Problem]]:
    """The configuration and warnings; raises ConfigurationError with every mistake and the warnings."""
    binding = Binding(root, Configuration)
    errors = binding.errors
    try:
        configuration = Configuration.model_validate(binding.data)
    except ValidationError as error:
        errors += [
            _problem(root, detail)
            for detail in error.errors(include_url=False, include_input=False)
            if detail["type"] != "one_of"  # told already, with the places
        ]
    if errors:
        raise ConfigurationError(errors, warnings=binding.warnings)
    idle = [
        origin_of(root, path).problem(path, message) for path, message in ineffective(configuration, root)
    ]
    return configuration, binding.warnings + idle


def _problem(root: Node, detail: ErrorDetails) -> Problem:
    path: Path = tuple(part for part in detail["loc"] if part != "[key]")
    leaf = shape_at(Configuration, path)
    words = dict(detail.get("ctx", {}))
    if isinstance(leaf, Leaf):
        words |= {"least": leaf.show(leaf.least), "most": leaf.show(leaf.most)}
    message = _MESSAGES.get(detail["type"], "").format_map(words) or detail["msg"]
    return origin_of(root, path).problem(path, message + _found(leaf, node_at(root, path)))


def _found(shape: Shape | None, node: Node | None) -> str:
    """What stands there instead, unless it is secret. Long texts are cut."""
    if not isinstance(shape, Leaf) or shape.kind.secret or not isinstance(node, Scalar) or is_empty(node):
        return ""
    text = HiddenURL(node.text).shown
    if "@" in text:
        # An address with a password before it, where only HOST:PORT is expected.
        text = f"{HIDDEN}@{text.rpartition('@')[2]}"
    text = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    return f", not {text!r}"
