"""What is told of a registry that is being copied or checked: what is wrong in it, and how far it has been read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Protocol


@dataclass
class Finding:
    """One thing that is wrong. `kind` is one word for programs, `detail` some for people; `path` is the driver's."""

    kind: str
    path: str
    repository: str = ""
    digest: str = ""
    detail: str = ""
    repaired: bool = False

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


class Watch(Protocol):
    """Who wants to know how far the work is, and each finding as it comes."""

    def begin(self, stage: str, objects: int, size: int) -> None:
        """A stage of the work, with how much there is to do: things, and bytes (0 when bytes do not count)."""
        ...

    def advance(self, objects: int, size: int) -> None:
        """So many more things are done, or bytes."""
        ...

    def found(self, finding: Finding) -> None: ...


class Unwatched:
    """Nobody wants to know."""

    def begin(self, stage: str, objects: int, size: int) -> None:
        return None

    def advance(self, objects: int, size: int) -> None:
        return None

    def found(self, finding: Finding) -> None:
        return None
