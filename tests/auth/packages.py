"""Packages with access controllers, as an installer leaves them: modules, and a folder that says what their entry points are."""

from __future__ import annotations

import tomllib
from pathlib import Path

EXAMPLE = Path(__file__).parent / "extension"
"""The package that docs/authentication.md shows."""


ANYBODY = """
from moorage.auth.base import AuthError, Grant


class Controller:
    async def authorize(self, credentials, wanted):
        return Grant("")

    async def close(self):
        pass
"""
"""The source of a controller that lets everybody do everything; what makes it may refuse to."""


def install(folder: Path, entries: dict[str, str], modules: dict[str, str], package: str = "example") -> Path:
    """`entries`: names in the group `moorage.auth`, and where they lead. `modules`: sources by name. The folder, to be put on
    the path."""
    information = folder / f"{package}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {target}\n" for name, target in entries.items()]
    (information / "entry_points.txt").write_text("".join(["[moorage.auth]\n", *lines]))
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    return folder


def install_example(folder: Path) -> Path:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    modules = {path.stem: path.read_text() for path in EXAMPLE.glob("*.py")}
    return install(
        folder, project["entry-points"]["moorage.auth"], modules, project["name"].replace("-", "_")
    )
