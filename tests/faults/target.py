"""Which registry is under test, how to start it, and how to look at its processes and its tree."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.server import Server, moorage_server, reference_server

REGISTRY = os.environ.get("MOORAGE_TEST_REGISTRY", "moorage")


def registry(folder: Path, *, root: Path | None = None, extra: str = "") -> Server:
    """The registry under test, not yet started. `extra` is YAML below `http:`; the reference ignores
    the keys it does not know."""
    if REGISTRY == "moorage":
        return moorage_server(folder, root=root, extra=extra)
    server = reference_server(folder, root=root)
    with Path(server.command[-1]).open("a") as config:
        config.write(extra)
    return server


def seed() -> int:
    """The seed of this run, printed so that a failure can be repeated with MOORAGE_TEST_SEED."""
    chosen = int(os.environ.get("MOORAGE_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"seed: MOORAGE_TEST_SEED={chosen}")
    return chosen


def collect_garbage(server: Server) -> subprocess.CompletedProcess[str]:
    """`garbage-collect` over the server's tree, while nobody pushes; output in one string."""
    program, _, config = server.command
    return subprocess.run(
        [program, "garbage-collect", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def files(folder: Path) -> Iterator[tuple[str, int]]:
    """Every file below `folder` with its size in bytes; files that vanish meanwhile are left out."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            with contextlib.suppress(FileNotFoundError):
                yield path, os.lstat(path).st_size


def empty_files(folder: Path) -> list[str]:
    """Links and blobs of no length, which no finished write may leave.

    Upload sessions are left out: a session that has just begun is an empty `data` file.
    """
    return [
        path
        for path, size in files(folder)
        if size == 0 and path.endswith(("/link", "/data")) and "/_uploads/" not in path
    ]


def blob_file(root: Path, digest: str) -> Path:
    """Where the storage tree of the reference keeps a blob."""
    value = digest.removeprefix("sha256:")
    return root / "docker/registry/v2/blobs/sha256" / value[:2] / value / "data"


def repository_folder(root: Path, name: str) -> Path:
    return root / "docker/registry/v2/repositories" / name
