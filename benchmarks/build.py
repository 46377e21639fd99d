"""Builds the reference implementation's release 3 and MinIO with Go, once, into a cache folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

BUILD_SECONDS = 1800


class NotBuilt(Exception):
    """It cannot be built here; the message says why."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command of a Go module: `package` is the path that `go install` takes, `binary` the last part of it."""

    name: str
    version: str
    package: str

    @property
    def binary(self) -> str:
        return self.package.rpartition("/")[2]


VERSION = "v3.1.1"
REFERENCE3 = Program("distribution", VERSION, "github.com/distribution/distribution/v3/cmd/registry")
# The release of February 2026. Built from the module it calls itself a development version.
MINIO = Program("MinIO", "v0.0.0-20260212201848-7aac2a2c5b7c", "github.com/minio/minio")

CRANE = Program("crane", "v0.20.7", "github.com/google/go-containerregistry/cmd/crane")


def default_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "moorage-bench"


def built(program: Program, cache: Path) -> str:
    """The path of the binary in the cache, built there when it is missing; raises NotBuilt."""
    folder = cache / f"{program.name.lower()}-{program.version}"
    binary = folder / program.binary
    if not binary.exists():
        _install(program, folder)
    return str(binary)


def _install(program: Program, folder: Path) -> None:
    if not shutil.which("go"):
        raise NotBuilt(f"{program.name} {program.version} needs Go to be built, and there is no `go`")
    folder.mkdir(parents=True, exist_ok=True)
    module = f"{program.package}@{program.version}"
    done = subprocess.run(
        ["go", "install", module],
        env={**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise NotBuilt(f"`go install {module}` failed: {done.stderr.strip()[-500:]}")
