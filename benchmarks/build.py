"""Builds the reference implementation's release 3 with Go, once, into a cache folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

VERSION = "v3.1.1"
MODULE = f"github.com/distribution/distribution/v3/cmd/registry@{VERSION}"
BUILD_SECONDS = 1200


class NotBuilt(Exception):
    """It cannot be built here; the message says why."""


def default_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "moorage-bench"


def reference3(cache: Path) -> str:
    """The path of the binary in the cache, built there when it is missing; raises NotBuilt."""
    folder = cache / f"distribution-{VERSION}"
    binary = folder / "registry"
    if not binary.exists():
        _install(folder)
    return str(binary)


def _install(folder: Path) -> None:
    if not shutil.which("go"):
        raise NotBuilt(f"distribution {VERSION} needs Go to be built, and there is no `go`")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["go", "install", MODULE],
        env={**os.environ, "GOBIN": str(folder)},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise NotBuilt(f"`go install {MODULE}` failed: {done.stderr.strip()[-500:]}")
