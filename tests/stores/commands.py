"""`moorage storage …` as a shell calls it, and the configurations it is given."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.stores.server import Service, credentials, section
from tests.support.forking import command
from tests.support.objectstores import S3


def written(path: Path, storage: dict[str, object]) -> Path:
    """A configuration. JSON is YAML."""
    path.write_text(json.dumps({"version": "0.1", "storage": storage}))
    return path


def on_disk(path: Path, root: Path) -> Path:
    return written(path, {"filesystem": {"rootdirectory": str(root)}})


def in_store(path: Path, service: Service, root: str) -> Path:
    return written(path, section(service, root, **credentials(service, path.with_suffix(".key.json"))))


def in_bucket(path: Path, store: S3, root: str) -> Path:
    return in_store(path, store, root)


def storage(*arguments: str | Path, status: int | None = 0) -> subprocess.CompletedProcess[str]:
    """`status`: that of the command; None if it may have found something or not."""
    done = command("storage", *map(str, arguments), seconds=120)
    expected = (0, 1) if status is None else (status,)
    assert done.returncode in expected, f"{done.returncode}: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def copied(source: Path, target: Path, *, status: int = 0) -> dict[str, Any]:
    """The report of a copy."""
    done = storage("copy", "--from", source, "--to", target, "--json", status=status)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def checked(config: Path, *options: str, status: int | None = 0) -> dict[str, Any]:
    """The report of a check that takes nothing for too young."""
    report: dict[str, Any] = json.loads(
        storage("check", config, "--age", "0", "--json", *options, status=status).stdout
    )
    return report
