"""Images for several architectures below one index, made by buildah, copied by skopeo, pulled by the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.adapters import INSECURE, Adapter
from tests.support.command import Client
from tests.support.images import DOCKER_LIST, OCI_INDEX, digest_of, stored_image
from tests.support.server import Server

ARCHITECTURES = ("amd64", "arm64", "riscv64")
FORMATS = {"oci": OCI_INDEX, "v2s2": DOCKER_LIST}


@dataclass(frozen=True)
class Pushed:
    """An index in the registry: `name` and tag 1, its media type and its digest as the pusher said."""

    name: str
    media_type: str
    digest: str


@pytest.fixture(scope="module", params=sorted(FORMATS))
def index(
    request: pytest.FixtureRequest, shared_server: Server, buildah: Client, engine_folder: Path
) -> Iterator[Pushed]:
    kind: str = request.param
    name, local = f"multiarch/{kind}", f"localhost/multiarch-{kind}"
    buildah("manifest", "create", local)
    for architecture in ARCHITECTURES:
        said = engine_folder / "hello"
        said.write_text(f"hello from {architecture}\n")
        container = buildah("from", f"--arch={architecture}", "scratch")
        buildah("copy", container, str(said), "/hello")
        buildah("config", f"--arch={architecture}", "--os=linux", container)
        buildah("commit", "--quiet", "--rm", container, f"{local}-{architecture}")
        buildah("manifest", "add", f"--arch={architecture}", local, f"{local}-{architecture}")
    digest = engine_folder / "digest"
    address = f"docker://{shared_server.address}/{name}:1"
    buildah(
        "manifest", "push", "--all", INSECURE, f"--format={kind}", f"--digestfile={digest}", local, address
    )
    yield Pushed(name, FORMATS[kind], digest.read_text().strip())
    buildah("manifest", "rm", local)
    for architecture in ARCHITECTURES:
        buildah("rmi", "--force", f"{local}-{architecture}")


def test_an_index_is_served_as_it_was_pushed(index: Pushed, shared_server: Server, skopeo: Client) -> None:
    stored = stored_image(shared_server.address, index.name, "1")
    document = json.loads(stored[index.digest])
    assert document["mediaType"] == index.media_type
    assert sorted(child["platform"]["architecture"] for child in document["manifests"]) == sorted(
        ARCHITECTURES
    )
    raw = skopeo("inspect", "--raw", INSECURE, f"docker://{shared_server.address}/{index.name}:1")
    assert digest_of(raw.encode()) == index.digest


def test_skopeo_copies_an_index_with_everything_below_it(
    index: Pushed, shared_server: Server, skopeo: Client
) -> None:
    insecure = ("--src-tls-verify=false", "--dest-tls-verify=false")
    source = f"docker://{shared_server.address}/{index.name}:1"
    copied = f"{index.name}-copied"
    skopeo("copy", "--all", *insecure, source, f"docker://{shared_server.address}/{copied}:1")
    stored = stored_image(shared_server.address, copied, "1")
    assert stored == stored_image(shared_server.address, index.name, index.digest)
    assert len(stored) == 1 + 3 * len(ARCHITECTURES)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_client_finds_the_image_of_its_architecture(
    architecture: str,
    index: Pushed,
    shared_server: Server,
    skopeo: Client,
    podman: Client,
    adapter: Callable[[str], Adapter],
    docker: Client,
) -> None:
    image = f"{shared_server.address}/{index.name}:1"
    chosen = json.loads(
        skopeo(f"--override-arch={architecture}", "inspect", "--config", INSECURE, f"docker://{image}")
    )
    assert chosen["architecture"] == architecture
    podman("pull", "--quiet", INSECURE, f"--arch={architecture}", image)
    docker("pull", "--quiet", f"--platform=linux/{architecture}", image)
    for client in (podman, docker):
        assert client("image", "inspect", "--format", "{{.Architecture}}", image) == architecture
    assert adapter("docker").image_id(image) == adapter("podman").image_id(image)
    for name in ("docker", "podman"):
        adapter(name).remove(image)
