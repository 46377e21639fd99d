"""From a path and an environment to a configuration: find the file, read it, apply the variables, check."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from moorage.config.checking import check
from moorage.config.configuration import Configuration
from moorage.config.document import MOST_CHARACTERS, parse_noting
from moorage.config.features import unbuilt, written
from moorage.config.nodes import Entries, Node, Origin, Scalar, is_empty, node_at
from moorage.config.overrides import PATH_VARIABLE, override
from moorage.config.problem import ConfigurationError, Problem
from moorage.config.schema import keys
from moorage.config.sections.drivers import DEFAULT_ROOT
from moorage.config.sections.storage import Storage
from moorage.config.spellings import modernise

VERSION = "0.1"
USUAL_PLACES = (
    Path("/etc/moorage/config.yml"),
    Path("/etc/docker/registry/config.yml"),
    Path("/etc/distribution/config.yml"),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, what is odd about it, the file it came from (None: built-in defaults), and what of it is not built. `found`:
    nobody named the file, it was in a usual place."""

    configuration: Configuration
    warnings: list[Problem]
    source: Path | None
    unbuilt: list[Problem]
    found: bool


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """The configuration, with the variables of `environ` on top of the file; raises ConfigurationError.

    The file is `path`, else the one REGISTRY_CONFIGURATION_PATH names, else the first of USUAL_PLACES that is
    there, whatever it is; without any, built-in defaults apply. The error holds every mistake of file and variables, except
    that of a file that is not YAML, or not of version 0.1, nothing else is looked at.
    """
    source = _find(path, environ)
    try:
        configuration, warnings, missing = _configuration(source, environ)
    except ConfigurationError as error:
        raise ConfigurationError(
            sorted(error.problems, key=_place), warnings=sorted(error.warnings, key=_place), source=source
        ) from None
    found = source is not None and path is None and not environ.get(PATH_VARIABLE)
    return Loaded(configuration, sorted(warnings, key=_place), source, sorted(missing, key=_place), found)


def _place(problem: Problem) -> tuple[bool, int, str]:
    return problem.line is None, problem.line or 0, problem.variable or ""


def _find(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    if path is not None:
        return path
    if environ.get(PATH_VARIABLE):
        return Path(environ[PATH_VARIABLE])
    return next((place for place in USUAL_PLACES if _is_there(place)), None)


def _is_there(place: Path) -> bool:
    """Whether anything is there, and be it a folder or a link that leads nowhere, which `_read` tells: with defaults, the registry would
    be open to everybody, and whoever put it there believes that it is configured. Raises ConfigurationError where that cannot be
    found out."""
    try:
        place.lstat()
        return True
    except (FileNotFoundError, NotADirectoryError):
        return _broken_link(place) is not None
    except OSError as error:
        what = "name the file, on the command line or with REGISTRY_CONFIGURATION_PATH"
        message = f"cannot look for {place}: {error.strerror}; {what}"
        raise ConfigurationError([Problem("", message)]) from None


def _configuration(
    source: Path | None, environ: Mapping[str, str]
) -> tuple[Configuration, list[Problem], list[Problem]]:
    """The configuration, warnings, and what of it is not built."""
    root, mistakes = (_built_in(), []) if source is None else parse_noting(_read(source))
    if wrong := _wrong_version(root):
        raise ConfigurationError([*mistakes, wrong])
    overridden = override(root, Configuration, environ)
    mistakes += overridden.errors
    root, warnings = modernise(overridden.root, Configuration)
    if source is None:
        _choose_driver(root)
    warnings = overridden.warnings + warnings
    try:
        configuration, more = check(root)
    except ConfigurationError as error:
        problems = mistakes + error.problems + written(root)
        raise ConfigurationError(problems, warnings=warnings + error.warnings) from None
    missing = unbuilt(configuration, root)
    if mistakes:
        raise ConfigurationError(mistakes + missing, warnings=warnings + more)
    return configuration, warnings + more, missing


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.read(MOST_CHARACTERS + 1)  # `parse` refuses what is longer
    except UnicodeDecodeError:
        raise ConfigurationError([Problem("", "is not UTF-8 text")]) from None
    except (OSError, ValueError) as error:
        raise ConfigurationError([Problem("", f"cannot read the file: {_reason(path, error)}")]) from None


def _reason(path: Path, error: OSError | ValueError) -> str:
    if isinstance(error, IsADirectoryError):
        return f"{error.strerror}; Docker makes one where the file that it should mount is missing"
    if isinstance(error, FileNotFoundError) and (link := _broken_link(path)):
        return f"{link} is a symbolic link to {link.readlink()}, which is not there"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _broken_link(path: Path) -> Path | None:
    """The path, or the folder above it, that is a symbolic link to what is not there."""
    above = (path, *path.parents)
    return next((one for one in above if one.is_symlink() and not one.exists()), None)


def _wrong_version(root: Node) -> Problem | None:
    if not isinstance(root, Entries) and not is_empty(root):
        message = f"must be a mapping of keys to values: write `version: {VERSION}` at the top"
        return root.origin.problem((), message)
    found = root.entries.get("version") if isinstance(root, Entries) else None
    if found is None or is_empty(found):
        return Problem("version", f"is required: write `version: {VERSION}` at the top")
    if not isinstance(found, Scalar) or found.text != VERSION:
        return found.origin.problem(("version",), f"must be {VERSION}, the only version")
    return None


def _built_in() -> Entries:
    origin = Origin()
    root = Entries({}, origin)
    root.put("version", Scalar(VERSION, VERSION, origin))
    root.put("storage", Entries({}, origin))
    return root


def _choose_driver(root: Node) -> None:
    """Without a file: the filesystem, in a directory we can write, unless a variable names another driver."""
    storage = node_at(root, ("storage",))
    if isinstance(root, Entries) and storage is not None and is_empty(storage):
        storage = Entries({}, Origin())
        root.put("storage", storage)
    if not isinstance(storage, Entries):
        return
    if storage.entries.keys() <= keys(Storage).keys() - Storage.one_of:
        storage.put("filesystem", Entries({}, Origin()))
    filesystem = storage.entries.get("filesystem")
    if filesystem is not None and is_empty(filesystem):
        filesystem = Entries({}, Origin())
        storage.put("filesystem", filesystem)
    if isinstance(filesystem, Entries) and "rootdirectory" not in filesystem.entries:
        directory = DEFAULT_ROOT if os.access(DEFAULT_ROOT, os.W_OK | os.X_OK) else "data"
        filesystem.put("rootdirectory", Scalar(directory, directory, Origin()))
