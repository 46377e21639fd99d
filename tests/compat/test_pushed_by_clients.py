"""Images that real clients pushed to one registry, served by the other from the same tree."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from tests.compat.cargo import image, noise
from tests.support.command import Client
from tests.support.images import stored_image, write_layout
from tests.support.server import Server, moorage_server, reference_server, running
from tests.support.tools import require

BOTH_WAYS = pytest.mark.parametrize("writer", ["reference", "moorage"])


def pair(writer: str, folder: Path) -> tuple[Server, Server]:
    """The registry that is pushed to and the other, not yet started, on one tree."""
    require("docker-registry")
    tree = folder / "tree"
    servers = moorage_server(folder / "m", root=tree), reference_server(folder / "r", root=tree)
    return servers if writer == "moorage" else (servers[1], servers[0])


def archive(path: Path, *names: str) -> None:
    """A small tar file with a file of each name."""
    with tarfile.open(path, "w") as files:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = 5000
            files.addfile(entry, io.BytesIO(noise(name, 5000)))


@BOTH_WAYS
def test_what_docker_pushed_is_served_by_the_other_registry(
    writer: str, docker: Client, tmp_path: Path
) -> None:
    archive(tmp_path / "base.tar", "berth", "bollard")
    first, second = pair(writer, tmp_path)
    with running(first):
        name = f"{first.address}/by/docker:1"
        docker("import", "--change", "CMD /berth", str(tmp_path / "base.tar"), name)
        docker("push", name)
        identity = docker("image", "inspect", "--format", "{{.Id}}", name)
        docker("image", "rm", name)
        pushed = stored_image(first.address, "by/docker", "1")
    with running(second):
        assert stored_image(second.address, "by/docker", "1") == pushed
        name = f"{second.address}/by/docker:1"
        docker("pull", name)
        assert docker("image", "inspect", "--format", "{{.Id}}", name) == identity
        docker("image", "rm", name)


@BOTH_WAYS
def test_what_skopeo_pushed_is_served_by_the_other_registry(
    writer: str, skopeo: Client, tmp_path: Path
) -> None:
    made = image("by skopeo", docker=False, layers=3)
    write_layout(tmp_path / "layout", list(made.blobs), made.body, "1")
    first, second = pair(writer, tmp_path)
    insecure = "--dest-tls-verify=false"
    with running(first):
        target = f"docker://{first.address}/by/skopeo:1"
        skopeo("copy", "--preserve-digests", insecure, f"oci:{tmp_path / 'layout'}:1", target)
    with running(second):
        served = stored_image(second.address, "by/skopeo", "1")
        assert served[made.digest] == made.body
        assert set(served.values()) == {made.body, *made.blobs}
        source = f"docker://{second.address}/by/skopeo:1"
        skopeo("copy", "--src-tls-verify=false", source, f"oci:{tmp_path / 'pulled'}:1")
        assert (tmp_path / "pulled/blobs/sha256" / made.digest.split(":")[1]).read_bytes() == made.body
