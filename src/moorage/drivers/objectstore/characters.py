"""Which characters configured values may have. obstore panics at some others only when it makes a request."""

from __future__ import annotations

import logging
from typing import Final

from moorage.drivers.base import DriverError

log = logging.getLogger(__name__)

REFUSED: Final = (
    "obstore refuses a value: look for a strange character, and for credentials that are not whole"
)
"""What is told in place of obstore's own words, which may quote the value, even if it is a secret."""

_PLACE: Final = "look for a space, a line break or a letter outside ASCII"


def visible(section: str, **values: str) -> None:
    """Raises DriverError naming the key of a value that cannot be part of an address or a header."""
    for key, value in values.items():
        if not all("!" <= letter <= "~" for letter in value):
            raise DriverError(f"{section}.{key}", f"has a character that cannot be sent: {_PLACE}")


def one_line(section: str, **values: str) -> None:
    """Raises DriverError naming the key of a value with a line break or another control character."""
    for key, value in values.items():
        if not value.isprintable():
            raise DriverError(
                f"{section}.{key}", "must be one line: in YAML, a block (|) ends with a line break"
            )


def folders(section: str, root: str) -> None:
    """Raises DriverError for a root directory that no path can begin with: obstore takes no parts `.` and `..`, and no control
    characters. Logs a warning for an empty name in it: Docker Registry keeps it in its keys, so that its tree is not found."""
    if not root.isprintable() or not {".", ".."}.isdisjoint(root.split("/")):
        raise DriverError(
            f"{section}.rootdirectory", "must be names between slashes, and none of them . or .."
        )
    if "//" in root.strip("/"):
        log.warning(
            "slashes in a row count as one; a tree that Docker Registry made below this folder is not found",
            extra={"key": f"{section}.rootdirectory"},
        )
