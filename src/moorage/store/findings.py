"""What a copy or a check of a registry reports: what is wrong in it, and how far the work is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Protocol

from moorage.drivers.base import DriverError


@dataclass
class Finding:
    """One thing that is wrong. `kind` is one word for programs, `detail` a text for people; `path` is the driver's."""

    kind: str
    path: str
    repository: str = ""
    digest: str = ""
    detail: str = ""
    repaired: bool = False

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def unreadable(kind: str, path: str, error: DriverError, digest: str = "") -> Finding:
    """What the store could not read. Its error names the path again, or one on the way to it."""
    reason = error.reason if error.path == path else ""
    return Finding(kind, path, digest=digest, detail=reason or str(error))


class Watch(Protocol):
    """Receives the progress of the work, and each finding as it comes."""

    def begin(self, stage: str, objects: int, size: int) -> None:
        """A stage of the work begins, with the number of objects and bytes to do; 0 if it is unknown or does not count."""
        ...

    def advance(self, objects: int, size: int) -> None:
        """This many more objects, or bytes, are done."""
        ...

    def found(self, finding: Finding) -> None: ...


class Unwatched:
    """A `Watch` that ignores everything."""

    def begin(self, stage: str, objects: int, size: int) -> None:
        return None

    def advance(self, objects: int, size: int) -> None:
        return None

    def found(self, finding: Finding) -> None:
        return None
