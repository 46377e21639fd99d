"""What clients ask for when the registry has the content already: nothing is uploaded twice."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.clients.adapters import Adapter
from tests.support.exchange import exchange
from tests.support.images import ACCEPT_ALL, stored_image
from tests.support.recorder import recording
from tests.support.server import Server


@pytest.mark.parametrize("name", ["docker", "podman", "buildah"])
def test_pushing_the_same_image_again_uploads_nothing(
    name: str,
    shared_server: Server,
    adapter: Callable[[str], Adapter],
    built: Callable[[str], str],
) -> None:
    client = adapter(name)
    with recording(shared_server.address) as recorder:
        image = f"{recorder.address}/repeated/{name}:1"
        client.tag(built(name), image)
        first = client.push(image)
        assert recorder.uploads(), "the first push has to upload, else this test sees nothing"
        recorder.requests.clear()
        assert client.push(image) == first
        assert recorder.uploads() == []
        assert ("PUT", f"/v2/repeated/{name}/manifests/1") in recorder.requests
        client.remove(image)


def test_docker_mounts_layers_from_another_repository_instead_of_sending_them(
    shared_server: Server, adapter: Callable[[str], Adapter], built: Callable[[str], str]
) -> None:
    docker = adapter("docker")
    with recording(shared_server.address) as recorder:
        first, second = (f"{recorder.address}/mounted/{part}:1" for part in ("from", "to"))
        docker.tag(built("docker"), first)
        docker.push(first)
        docker.tag(first, second)
        recorder.requests.clear()
        pushed = docker.push(second)
        served = exchange(
            shared_server.address, "GET", "/v2/mounted/to/manifests/1", headers={"accept": ACCEPT_ALL}
        )
        layers = {layer["digest"] for layer in json.loads(served.body)["layers"]}
        mounts = [target for method, target in recorder.uploads() if "mount=" in target]
        sent = [target for method, target in recorder.uploads() if method in ("PATCH", "PUT")]
        assert len(mounts) == len(layers)
        assert all("from=mounted%2Ffrom" in target for target in mounts)
        # The configuration is small and never mounted; it is the only content that may travel.
        assert {target.split("digest=")[1] for target in sent if "digest=" in target}.isdisjoint(
            digest.replace(":", "%3A") for digest in layers
        )
        assert len([target for target in sent if "digest=" in target]) <= 1
        for image in (first, second):
            docker.remove(image)
    stored = stored_image(shared_server.address, "mounted/to", "1")
    assert stored == stored_image(shared_server.address, "mounted/from", "1")
    assert pushed in stored
