"""Pebble and its DNS server, built once with Go into build/pebble; a test that cannot have them is absent."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

from tests.support.tools import absent

MODULE = "github.com/letsencrypt/pebble/v2/cmd"
VERSION = "v2.10.3"
FOLDER = Path(__file__).parents[2] / "build" / "pebble" / "bin" / VERSION
BUILD_SECONDS = 600
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/go/bin", "/usr/lib/go/bin"])


def built(name: str) -> str:
    """The path of `pebble` or `pebble-challtestsrv`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Tests run side by side, and one of them builds.
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (FOLDER / name).exists():
            _build(name)
    return str(FOLDER / name)


def _build(name: str) -> None:
    environment = {**os.environ, "PATH": _PATH, "GOBIN": str(FOLDER)}
    command = ["go", "install", f"{MODULE}/{name}@{VERSION}"]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=environment, timeout=BUILD_SECONDS
        )
    except FileNotFoundError:
        absent("needs Go 1.25 or newer on the path, to build Pebble")
    if done.returncode != 0:
        absent(f"could not build {name} (no network, or Go older than 1.25): {done.stderr.strip()[-300:]}")
