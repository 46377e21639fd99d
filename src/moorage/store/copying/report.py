"""What a copy did."""

from __future__ import annotations

from dataclasses import dataclass, field

from moorage.store.findings import Finding, Watch


@dataclass
class CopyReport:
    """What was sent, what existed already, and, as findings, what the source has and could not be copied."""

    watch: Watch
    repositories: int = 0
    blobs: int = 0
    size: int = 0
    """Of the copied blobs, in bytes."""
    blobs_present: int = 0
    links: int = 0
    tags: int = 0
    extra_tags: int = 0
    """Tags that the target has in copied repositories and the source does not."""
    findings: list[Finding] = field(default_factory=list)

    def tell(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.watch.found(finding)

    def as_dict(self) -> dict[str, object]:
        return {
            "repositories": self.repositories,
            "copied_blobs": self.blobs,
            "copied_bytes": self.size,
            "present_blobs": self.blobs_present,
            "written_links": self.links,
            "written_tags": self.tags,
            "extra_tags": self.extra_tags,
            "findings": [finding.as_dict() for finding in self.findings],
        }
