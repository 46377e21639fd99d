"""The Makefile, with a stand-in for Python."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PYTHON = """#!/bin/sh
echo "$0 $*" >> {told}
case "$*" in
"-m venv --clear .venv") mkdir -p .venv/bin && cp {python} .venv/bin/python ;;
esac
"""
WITHOUT_PIP = """#!/bin/sh
echo "No module named pip" >&2
exit 1
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for file in ("Makefile", "pyproject.toml", "requirements/runtime.txt"):
        target = tmp_path / "copy" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, target)
    return tmp_path / "copy"


def installed(copy: Path) -> list[str]:
    """Make the environment; what Python was called with."""
    python, told = copy.parent / "python", copy.parent / "told"
    python.write_text(PYTHON.format(told=told, python=python))
    python.chmod(0o755)
    told.write_text("")
    done = subprocess.run(
        ["make", f"PYTHON={python}", ".venv/runtime"], cwd=copy, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return told.read_text().splitlines()


def test_a_virtual_environment_that_was_made_by_halves_is_made_anew(copy: Path) -> None:
    broken = copy / ".venv/bin/python"
    broken.parent.mkdir(parents=True)
    broken.write_text(WITHOUT_PIP)
    broken.chmod(0o755)
    calls = installed(copy)
    assert any(call.endswith("-m venv --clear .venv") for call in calls), calls
    assert "pip install" in calls[-1]


def test_a_whole_virtual_environment_is_kept_and_asked_nothing_when_nothing_changed(copy: Path) -> None:
    assert sum("-m venv" in call for call in installed(copy)) == 1
    assert installed(copy) == []
    file, made = copy / "requirements/runtime.txt", copy / ".venv/runtime"
    # The clock by which files are dated may stand still for milliseconds.
    while file.stat().st_mtime_ns <= made.stat().st_mtime_ns:
        file.touch()
    calls = installed(copy)
    assert not any("-m venv" in call for call in calls)
    assert "pip install" in calls[-1]
