"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass, field

from moorage.drivers.base import Obstructed
from moorage.store.findings import Finding, Watch


@dataclass
class CheckReport:
    watch: Watch
    repositories: int = 0
    manifests: int = 0
    blobs: int = 0
    size: int = 0
    """Of all blobs, in bytes."""
    young: int = 0
    """Suspects that were written a short time ago, and are therefore neither findings nor repaired."""
    findings: list[Finding] = field(default_factory=list)
    _obstacles: set[str] = field(default_factory=set)

    def tell(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.watch.found(finding)

    def obstructed(self, error: Obstructed, repository: str = "", digest: str = "") -> None:
        """Tell of something that stands where a file should be, once for each path: many things may lead to it."""
        if error.path not in self._obstacles:
            self._obstacles.add(error.path)
            self.tell(Finding("obstructed-path", error.path, repository, digest, error.reason))

    @property
    def repaired(self) -> int:
        return sum(finding.repaired for finding in self.findings)

    @property
    def clean(self) -> bool:
        """Whether everything that was found has been repaired."""
        return self.repaired == len(self.findings)

    def as_dict(self) -> dict[str, object]:
        return {
            "repositories": self.repositories,
            "manifests": self.manifests,
            "blobs": self.blobs,
            "bytes": self.size,
            "young": self.young,
            "repaired": self.repaired,
            "findings": [finding.as_dict() for finding in self.findings],
        }
