"""What a test needs from the machine: a program on the path, the root user.

A test that lacks one skips and says why. With MOORAGE_REQUIRE_ALL=1 the same lack is a failure, so that a
continuous-integration machine can never go green by leaving things out.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

REQUIRE_ALL = "MOORAGE_REQUIRE_ALL"
HINT = "run tests/prepare as root, or install it with your package manager"


def absent(reason: str) -> NoReturn:
    """Skip the running test with `reason`, or fail it when MOORAGE_REQUIRE_ALL is set."""
    if os.environ.get(REQUIRE_ALL, "") not in ("", "0"):
        pytest.fail(f"{reason} ({REQUIRE_ALL} is set, so this is not skipped)", pytrace=False)
    pytest.skip(reason)


def require(*programs: str) -> None:
    """Every program is on the path (also looked for in the system folders that users often lack)."""
    missing = [program for program in programs if find(program) is None]
    if missing:
        absent(f"needs {', '.join(missing)}: {HINT}")


def find(program: str) -> str | None:
    """The program's path, or None."""
    folders = [os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"]
    return shutil.which(program, path=os.pathsep.join(folders))


def require_root() -> None:
    """The test runs as root: container engines with storage of their own need it."""
    if os.geteuid() != 0:
        absent("needs root")
