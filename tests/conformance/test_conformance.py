"""The official OCI conformance suite, through the same script as `make conformance`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conformance.suite import read_report
from tests.support.tools import absent

RUN = Path(__file__).with_name("run")
NOT_OBTAINED = 3


def test_every_test_of_the_official_suite_passes(tmp_path: Path) -> None:
    environment = {**os.environ, "MOORAGE_PYTHON": sys.executable}
    # Its usual place is emptied by each run, and somebody may run the script beside this one.
    command = [str(RUN), "--results", str(tmp_path)]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=900)
    if done.returncode == NOT_OBTAINED:
        absent(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, (
        f"the conformance suite failed:\n{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    )


def test_a_report_with_a_failure_or_a_skip_is_not_clean(tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    report.write_text(
        '<testsuites><testsuite tests="3" failures="1" errors="0" skipped="1">'
        '<testcase name="a" status="passed"/>'
        '<testcase name="b" status="failure"><system-out>expected 201</system-out></testcase>'
        '<testcase name="c" status="skipped"/></testsuite></testsuites>'
    )
    read = read_report("1.1", report)
    assert (read.total, read.passed, read.failed, read.skipped) == (3, 1, 1, 1)
    assert read.notes == ["failure b: expected 201", "skipped c: "]
    assert not read.clean
