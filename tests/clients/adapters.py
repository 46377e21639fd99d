"""Docker, podman and buildah behind one set of verbs, so that every pair of them can be tried."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.support.command import Client
from tests.support.engines import podman_run

PUSHED = re.compile(r"digest: (sha256:[0-9a-f]{64})")
INSECURE = "--tls-verify=false"


class Adapter(Protocol):
    """A container client. Images are named as in `127.0.0.1:5000/name:tag`, digests as `sha256:<hex>`."""

    def build(self, context: Path, image: str) -> None: ...
    def push(self, image: str) -> str: ...  # the digest the client says it pushed
    def pull(self, image: str) -> str: ...  # the image id: the digest of its configuration
    def tag(self, image: str, other: str) -> None: ...
    def image_id(self, image: str) -> str: ...
    def remove(self, image: str) -> None: ...
    def run(self, image: str, *command: str) -> str: ...  # standard output


@dataclass(frozen=True)
class Docker:
    client: Client

    def build(self, context: Path, image: str) -> None:
        recipe = str(context / "Containerfile")
        self.client("build", "--quiet", "--network=none", "--tag", image, "--file", recipe, str(context))

    def push(self, image: str) -> str:
        said = PUSHED.search(self.client("push", image))
        assert said is not None, "docker push printed no digest"
        return said[1]

    def pull(self, image: str) -> str:
        self.client("pull", "--quiet", image)
        return self.image_id(image)

    def tag(self, image: str, other: str) -> None:
        self.client("tag", image, other)

    def image_id(self, image: str) -> str:
        return self.client("image", "inspect", "--format", "{{.Id}}", image)

    def remove(self, image: str) -> None:
        self.client("image", "rm", "--force", image)

    def run(self, image: str, *command: str) -> str:
        return self.client("run", "--rm", "--network=none", image, *command)


@dataclass(frozen=True)
class Podman:
    client: Client
    folder: Path

    def build(self, context: Path, image: str) -> None:
        self.client("build", "--quiet", "--layers", "--isolation=chroot", "--tag", image, str(context))

    def push(self, image: str) -> str:
        said = self.folder / "digest"
        self.client("push", "--quiet", INSECURE, "--digestfile", str(said), image)
        return said.read_text().strip()

    def pull(self, image: str) -> str:
        self.client("pull", "--quiet", INSECURE, image)
        return self.image_id(image)

    def tag(self, image: str, other: str) -> None:
        self.client("tag", image, other)

    def image_id(self, image: str) -> str:
        return f"sha256:{self.client('image', 'inspect', '--format', '{{.Id}}', image)}"

    def remove(self, image: str) -> None:
        self.client("rmi", "--force", image)

    def run(self, image: str, *command: str) -> str:
        return podman_run(self.client, image, *command)


@dataclass(frozen=True)
class Buildah:
    client: Client
    folder: Path

    def build(self, context: Path, image: str) -> None:
        self.client("build", "--quiet", "--layers", "--isolation=chroot", "--tag", image, str(context))

    def push(self, image: str) -> str:
        said = self.folder / "digest"
        self.client("push", "--quiet", INSECURE, "--digestfile", str(said), image, f"docker://{image}")
        return said.read_text().strip()

    def pull(self, image: str) -> str:
        self.client("pull", "--quiet", INSECURE, image)
        return self.image_id(image)

    def tag(self, image: str, other: str) -> None:
        self.client("tag", image, other)

    def image_id(self, image: str) -> str:
        return f"sha256:{self.client('inspect', '--type=image', '--format', '{{.FromImageID}}', image)}"

    def remove(self, image: str) -> None:
        self.client("rmi", "--force", image)

    def run(self, image: str, *command: str) -> str:
        container = self.client("from", "--pull-never", image)
        try:
            return self.client("run", "--isolation=chroot", container, "--", *command)
        finally:
            self.client("rm", container)
