"""Runs the compiled conformance program against a fresh registry, once per specification version.

The program takes its configuration from the environment and exits 0 when it could not read it, so a run counts
only when its report is there and holds tests.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.support.server import Server, moorage_server, reference_server, running

# Everything that version 1.1 leaves off. Sparse manifests stay off: a registry that checks references has to
# refuse them, and the program counts that as a failure.
OPTIONAL = (
    "OCI_API_BLOBS_DIGEST_HEADER",
    "OCI_API_BLOBS_MOUNT_ANONYMOUS",
    "OCI_API_BLOBS_UPLOAD_CANCEL",
    "OCI_API_MANIFESTS_DIGEST_HEADER",
    "OCI_API_MANIFESTS_TAG_PARAM",
    "OCI_API_REFERRER",
)
VERSIONS = ("1.1", "dev")
SECONDS = 300


@dataclass(frozen=True)
class Report:
    """Counts of one run as the program counts (steps and their groups); `notes` names what did not pass."""

    version: str
    total: int
    failed: int
    skipped: int
    notes: list[str]

    @property
    def passed(self) -> int:
        return self.total - self.failed - self.skipped

    @property
    def clean(self) -> bool:
        """A feature that is skipped was asked for and is not there, so it is a failure too."""
        return self.total > 0 and not self.failed and not self.skipped and not self.notes


def run(program: Path, version: str, server: Server, results: Path) -> Report:
    """One run of the program; its output goes into `results` and is read back from its JUnit report."""
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OCI_")}
    environment = {
        **inherited,
        "OCI_VERSION": version,
        "OCI_REGISTRY": server.address,
        "OCI_TLS": "disabled",
        "OCI_RESULTS_DIR": str(results),
        "OCI_REPO1": f"conformance/{version}/repo1",
        "OCI_REPO2": f"conformance/{version}/repo2",
        **dict.fromkeys(OPTIONAL, "true"),
    }
    with (results / "output.txt").open("wb") as output:
        subprocess.run(
            [str(program)],
            check=False,  # 1 also means a failed step, which the report tells better
            env=environment,
            cwd=results,
            stdout=output,
            stderr=output,
            timeout=SECONDS,
        )
    return read_report(version, results / "junit.xml")


def read_report(version: str, path: Path) -> Report:
    """The program's JUnit report; RuntimeError when it wrote none."""
    if not path.exists():
        raise RuntimeError(f"the suite wrote no report, see {path.with_name('output.txt')}")
    suite = ElementTree.parse(path).find("testsuite")
    if suite is None:
        raise RuntimeError(f"no test suite in {path}")
    counts = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
    return Report(
        version=version,
        total=counts["tests"],
        failed=counts["failures"] + counts["errors"],
        skipped=counts["skipped"],
        notes=[note(case) for case in suite.iter("testcase") if case.get("status") != "passed"],
    )


def note(case: ElementTree.Element) -> str:
    """One line for a step that did not pass: its status, its name, what was wrong."""
    said = " | ".join((case.findtext("system-out") or "").split("\n"))
    return f"{case.get('status')} {case.get('name')}: {said[:300]}"


def show(report: Report, results: Path) -> None:
    print(
        f"conformance {report.version}: {report.passed} of {report.total} passed, "
        f"{report.failed} failed, {report.skipped} skipped"
    )
    for line in report.notes:
        print(f"  {line}")
    print(f"  report: {results / 'report.html'}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument(
        "--reference", metavar="COMMAND", help="test this registry program instead of Moorage"
    )
    options = parser.parse_args()
    clean = True
    with tempfile.TemporaryDirectory(prefix="moorage-conformance-") as folder:
        for version in VERSIONS:
            place = Path(folder) / version
            server = (
                reference_server(place, command=options.reference)
                if options.reference
                else moorage_server(place)
            )
            with running(server):
                report = run(options.program, version, server, options.results / version)
            show(report, options.results / version)
            clean = clean and report.clean
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
