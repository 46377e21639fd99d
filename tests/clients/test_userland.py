"""A Debian image of several layers, built and pushed by one client, pulled and run by another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.adapters import Adapter
from tests.support.images import stored_image
from tests.support.server import Server
from tests.support.userland import file_sha256

PAIRS = [("docker", "podman"), ("podman", "buildah"), ("buildah", "docker")]
CHECK = "cat /opt/harbour/link; sha256sum </usr/bin/perl; stat -c '%a %h' /opt/harbour/hard; test ! -e /usr/share/doc"


@pytest.mark.parametrize(("pusher", "puller"), PAIRS)
def test_an_image_pushed_by_one_client_runs_under_another(
    pusher: str,
    puller: str,
    shared_server: Server,
    adapter: Callable[[str], Adapter],
    built: Callable[[str], str],
    userland: Path,
) -> None:
    name = f"userland/{pusher}-to-{puller}"
    image = f"{shared_server.address}/{name}:1"
    source, target = adapter(pusher), adapter(puller)
    source.tag(built(pusher), image)
    pushed = source.push(image)

    stored = stored_image(shared_server.address, name, "1")
    manifest = stored[pushed]
    assert len(json.loads(manifest)["layers"]) >= 3
    assert json.loads(manifest)["config"]["digest"] == source.image_id(image)

    assert target.pull(image) == source.image_id(image)
    perl = file_sha256(userland, "/usr/bin/perl")
    assert target.run(image, "/bin/sh", "-c", CHECK).splitlines() == ["quay", f"{perl}  -", "4755 2"]


def test_an_image_pulled_by_its_digest_is_the_one_that_was_pushed(
    shared_server: Server, adapter: Callable[[str], Adapter], built: Callable[[str], str]
) -> None:
    image = f"{shared_server.address}/userland/by-digest"
    docker, podman = adapter("docker"), adapter("podman")
    docker.tag(built("docker"), f"{image}:1")
    pushed = docker.push(f"{image}:1")
    assert podman.pull(f"{image}@{pushed}") == docker.image_id(f"{image}:1")
