"""Keeps pydantic from looking for plugins, which nobody uses here: what it imports for that takes two megabytes of each process of a
server, and a thirtieth of a second of each start. Import this before the first model is made."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Final

from pydantic.version import VERSION

LOADER: Final = "pydantic.plugin._loader"

_KNOWN: Final = ("2.11.", "2.12.", "2.13.", "2.14.")
"""Releases that want nothing else of the module. `PYDANTIC_DISABLE_PLUGINS` comes too late: it is asked by what was imported."""


def _none() -> tuple[()]:
    return ()


if VERSION.startswith(_KNOWN):
    loader = ModuleType(LOADER)
    vars(loader)["get_plugins"] = _none
    sys.modules.setdefault(LOADER, loader)
