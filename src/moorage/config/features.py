"""What can be configured but is not built yet, or lacks its library: refused by name at start, never silently ignored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, TypeAlias

from moorage.config.configuration import Configuration
from moorage.config.nodes import Entries, Items, Node, Path, Scalar, is_empty, node_at, origin_of
from moorage.config.problem import Problem
from moorage.config.schema import Leaf, shape_at
from moorage.config.sections.base import Section

Use: TypeAlias = Callable[[Configuration], Any]
"""Something true if a configuration uses a feature; for a path that ends in `[]` the list of its entries."""


def _set(section: Section) -> bool:
    """Whether any key of a section differs from what it is without the section."""
    return section != type(section)()


_DRIVER = "this storage driver is not supported; use filesystem, s3, azure or gcs"
_MIDDLEWARE = "only middleware.storage is supported yet; remove the entry, or set `disabled: true`"

UNBUILT: dict[str, tuple[Use, str]] = {
    "storage.swift": (lambda c: c.storage.swift, _DRIVER),
    "storage.oss": (lambda c: c.storage.oss, _DRIVER),
    "storage.rados": (lambda c: c.storage.rados, _DRIVER),
    "middleware.registry[]": (lambda c: c.middleware.registry, _MIDDLEWARE),
    "middleware.repository[]": (lambda c: c.middleware.repository, _MIDDLEWARE),
    "http.tls.clientauth": (
        lambda c: c.http.tls.clientcas and c.http.tls.clientauth == "require-any-client-cert",
        "require-any-client-cert, which believes certificates that nobody signed, is not supported yet; remove the "
        "key, which asks for certificates that clientcas signed, or remove clientcas too, which asks for none",
    ),
    "proxy.remoteurl": (
        lambda c: c.proxy.remoteurl,
        "a pull-through cache is not supported yet; remove the section",
    ),
    "policy": (
        lambda c: _set(c.policy),
        "policies for repositories are not supported yet; remove the section",
    ),
}


EXTRAS: dict[str, tuple[Use, str, str]] = {
    "reporting.bugsnag.apikey": (lambda c: c.reporting.bugsnag.apikey, "bugsnag", "bugsnag"),
    "reporting.newrelic.licensekey": (lambda c: c.reporting.newrelic.licensekey, "newrelic", "newrelic"),
    "reporting.sentry.dsn": (lambda c: c.reporting.sentry.dsn, "sentry_sdk", "sentry"),
}
"""Features that need a library, and the extra of the package that brings it."""

_ONLY: dict[str, frozenset[str]] = {
    "http.tls.clientauth": frozenset({"require-any-client-cert"}),
}
"""The values that are not built, for keys of which others are."""


def unbuilt(configuration: Configuration, root: Node) -> list[Problem]:
    """A problem for each use of a feature that is not built yet or lacks its library, saying what to do. `root`: what the configuration
    was made of, for the lines."""
    found = [
        (place, message)
        for path, (use, message) in UNBUILT.items()
        for place in _places(path, use(configuration))
    ] + [
        (_parts(path), f"{library} is not installed: pip install 'moorage[{extra}]'")
        for path, (use, library, extra) in EXTRAS.items()
        if use(configuration) and find_spec(library) is None
    ]
    return [_problem(root, place, message) for place, message in found]


def written(root: Node) -> list[Problem]:
    """What is not built yet, as far as that can be told from the keys of a configuration that has mistakes."""
    return [
        _problem(root, place, message)
        for path, (_, message) in UNBUILT.items()
        for place in _written(root, path)
    ]


def _written(root: Node, path: str) -> Iterator[Path]:
    parts = _parts(path)
    node = node_at(root, parts)
    if node is None or not _says(node):
        return
    if isinstance(node, Scalar) and not isinstance(shape_at(Configuration, parts), Leaf):
        # That is told as a mistake.
        return
    if path.endswith("[]"):
        for index, entry in enumerate(node.items if isinstance(node, Items) else []):
            if not _is_disabled(entry):
                yield (*parts, index)
    elif path not in _ONLY or (isinstance(node, Scalar) and node.text in _ONLY[path]):
        yield parts


def _says(node: Node) -> bool:
    """Whether there is any value in it."""
    if isinstance(node, Scalar):
        return not is_empty(node)
    inner = node.items if isinstance(node, Items) else node.entries.values()
    return any(map(_says, inner))


def _is_disabled(entry: Node) -> bool:
    switch = node_at(entry, ("disabled",)) if isinstance(entry, Entries) else None
    return isinstance(switch, Scalar) and switch.value is True


def _places(path: str, used: Any) -> Iterator[Path]:
    if not path.endswith("[]"):
        yield from [_parts(path)] if used else []
        return
    for index, entry in enumerate(used):
        if not getattr(entry, "disabled", False):
            yield (*_parts(path), index)


def _parts(path: str) -> Path:
    return tuple(path.removesuffix("[]").split("."))


def _problem(root: Node, place: Path, message: str) -> Problem:
    return origin_of(root, place).problem(place, message)
