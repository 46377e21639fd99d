"""Translates the spellings of the reference implementation's command line into those of Moorage."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import Final

_PROGRAMS: Final = ("registry", "moorage")
_COMMANDS: Final = (
    "serve", "garbage-collect", "purge-uploads", "htpasswd", "version", "config", "storage", "access", "events",
)  # fmt: skip
_PATH_VARIABLE: Final = "REGISTRY_CONFIGURATION_PATH"
_SHORT: Final = {"-d": "--dry-run", "-m": "--delete-untagged", "-q": "--quiet"}
_TRUE: Final = ("1", "t", "true")
_FALSE: Final = ("0", "f", "false")


def translated(
    arguments: list[str], *, program: str = "moorage", environ: Mapping[str, str] | None = None
) -> list[str]:
    """The arguments as Typer expects them. `program`: the name or path under which it was called.

    * `registry serve …`: containers whose entry point is the program itself are often given its name as well.
    * `-version`, `help serve`, and a configuration file without a command, as in old unit files; `registry` alone, if a variable
      names the file.
    * `garbage-collect --dry-run=true`: Go's flags may have values.
    """
    if arguments and PurePath(arguments[0]).name in _PROGRAMS:
        arguments = arguments[1:]
    match arguments:
        case [] if PurePath(program).name == "registry" and (environ or {}).get(_PATH_VARIABLE):
            return ["serve"]
        case ["-version" | "--version" | "-v", *rest]:
            return ["version", *rest]
        case ["help", *rest]:
            return [*rest, "--help"]
        case ["garbage-collect", *rest]:
            return ["garbage-collect", *_without_values(rest)]
        case [file, *_] if _is_configuration(file):
            return ["serve", *arguments]
    return arguments


def _is_configuration(argument: str) -> bool:
    if argument.startswith("-") or argument in _COMMANDS:
        return False
    return "/" in argument or PurePath(argument).suffix in (".yml", ".yaml") or os.path.isfile(argument)


def _without_values(arguments: list[str]) -> list[str]:
    """Flags without their boolean values. As in Go, the last mention of a flag decides; other values stay, to be refused."""
    kept: list[str] = []
    for at, argument in enumerate(arguments):
        if argument == "--":
            return [*kept, *arguments[at:]]
        flag, _, value = argument.partition("=")
        flag = _SHORT.get(flag, flag)
        if flag not in _SHORT.values() or value.lower() not in _TRUE + _FALSE:
            kept.append(argument)
        elif value.lower() in _TRUE:
            kept.append(flag)
        else:
            kept = [one for one in kept if _SHORT.get(one, one) != flag]
    return kept
