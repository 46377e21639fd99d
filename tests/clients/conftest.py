"""The three engines as adapters, and the userland image each of them builds once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.adapters import Adapter, Buildah, Docker, Podman

LOCAL = "localhost/moorage/userland:local"


@pytest.fixture(scope="session")
def adapter(request: pytest.FixtureRequest, engine_folder: Path) -> Callable[[str], Adapter]:
    """The adapter of a client by name; an engine starts with the first test that names it."""

    def find(name: str) -> Adapter:
        client = request.getfixturevalue(name)
        if name == "docker":
            return Docker(client)
        return Podman(client, engine_folder) if name == "podman" else Buildah(client, engine_folder)

    return find


@pytest.fixture(scope="session")
def built(adapter: Callable[[str], Adapter], userland: Path) -> Callable[[str], str]:
    """The name of the userland image in a client's own storage, built there on first use."""
    names: dict[str, str] = {}

    def build(name: str) -> str:
        if name not in names:
            adapter(name).build(userland.parent, LOCAL)
            names[name] = LOCAL
        return names[name]

    return build
