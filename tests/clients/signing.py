"""Clients that sign in, behind one set of verbs: the real ones, and the models of those that are not at hand."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tests.clients.adapters import INSECURE
from tests.clients.asking import Asking, Refused
from tests.clients.models import MODELS
from tests.clients.models.base import TAG, Model
from tests.clients.smallimages import SmallImage, in_archive, in_folder
from tests.support.command import Client


@dataclass(frozen=True)
class Outcome:
    """`said`: all that the client printed. `found`: digests of what it has after a pull."""

    worked: bool
    said: str
    found: frozenset[str] = frozenset()


class Signing(Protocol):
    """Somebody at a client, with credentials of their own. Repositories are named without the registry."""

    def remember(self, user: str, password: str) -> None:
        """As if they had signed in with that before."""
        ...

    def login(self, user: str, password: str) -> Outcome: ...
    def push(self, name: str, image: SmallImage) -> Outcome: ...
    def pull(self, name: str) -> Outcome: ...


def of(done: subprocess.CompletedProcess[str]) -> Outcome:
    return Outcome(done.returncode == 0, done.stdout + done.stderr)


@dataclass(frozen=True)
class Engine:
    """Docker, Podman, Buildah and Skopeo. `folder` is for credentials and for what is pushed and pulled, `address` that of the
    registry."""

    client: Client
    folder: Path
    address: str

    @property
    def credentials(self) -> Path:
        return self.folder / "config.json"

    def remember(self, user: str, password: str) -> None:
        secret = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.credentials.write_text(json.dumps({"auths": {self.address: {"auth": secret}}}))

    def login(self, user: str, password: str) -> Outcome:
        options = ("--username", user, "--password", password)
        return of(self.client.attempt("login", *self.trust(), *options, self.address))

    def push(self, name: str, image: SmallImage) -> Outcome:
        place, path = self.place(name), self.folder / "given"
        image.write_archive(path, place)
        self.take(path)
        outcome = of(self.client.attempt("push", *self.trust(), *self.target(place)))
        self.client("rmi", "--force", place)
        return outcome

    def pull(self, name: str) -> Outcome:
        place, path = self.place(name), self.folder / "got"
        outcome = of(self.client.attempt("pull", *self.trust(), place))
        if not outcome.worked:
            return outcome
        path.unlink(missing_ok=True)
        self.give(place, path)
        self.client("rmi", "--force", place)
        return replace(outcome, found=in_archive(path))

    def place(self, name: str) -> str:
        return f"{self.address}/{name}:{TAG}"

    def trust(self) -> tuple[str, ...]:
        return (INSECURE,)

    def target(self, place: str) -> tuple[str, ...]:
        return (place,)

    def take(self, path: Path) -> None:
        self.client("load", "--quiet", "--input", str(path))

    def give(self, place: str, path: Path) -> None:
        self.client("save", "--output", str(path), place)


class Docker(Engine):
    def trust(self) -> tuple[str, ...]:
        """It believes everybody on loopback."""
        return ()


class Podman(Engine):
    pass


class Buildah(Engine):
    def target(self, place: str) -> tuple[str, ...]:
        return (place, f"docker://{place}")

    def take(self, path: Path) -> None:
        self.client("pull", "--quiet", f"docker-archive:{path}")

    def give(self, place: str, path: Path) -> None:
        self.client("push", "--quiet", place, f"docker-archive:{path}:{place}")


@dataclass(frozen=True)
class Skopeo(Engine):
    """Over TLS, with a certificate that it checks against `authority`."""

    authority: bytes

    def trust(self) -> tuple[str, ...]:
        return (f"--cert-dir={self.trusted()}",)

    def push(self, name: str, image: SmallImage) -> Outcome:
        path = self.folder / "given"
        image.write_folder(path)
        target = f"docker://{self.place(name)}"
        return of(
            self.client.attempt(
                "copy", "--preserve-digests", f"--dest-cert-dir={self.trusted()}", f"dir:{path}", target
            )
        )

    def pull(self, name: str) -> Outcome:
        path = self.folder / "got"
        source = f"docker://{self.place(name)}"
        outcome = of(self.client.attempt("copy", f"--src-cert-dir={self.trusted()}", source, f"dir:{path}"))
        return replace(outcome, found=in_folder(path)) if outcome.worked else outcome

    def trusted(self) -> Path:
        folder = self.folder / "certificates"
        folder.mkdir(exist_ok=True)
        (folder / "ca.crt").write_bytes(self.authority)
        return folder


@dataclass(frozen=True)
class Modelled:
    model: Model

    def remember(self, user: str, password: str) -> None:
        self.model.remember(user, password)

    def login(self, user: str, password: str) -> Outcome:
        return self._tried(lambda: self.model.login(user, password))

    def push(self, name: str, image: SmallImage) -> Outcome:
        return self._tried(lambda: self.model.push(name, image))

    def pull(self, name: str) -> Outcome:
        return self._tried(lambda: self.model.pull(name))

    def _tried(self, act: Callable[[], frozenset[str] | None]) -> Outcome:
        try:
            return Outcome(True, "", act() or frozenset())
        except Refused as refused:
            return Outcome(False, str(refused))


def engine(name: str, client: Client, folder: Path, address: str, authority: bytes) -> Engine:
    """With nobody's credentials yet."""
    folder.mkdir(parents=True, exist_ok=True)
    empty = folder / "config.json"
    empty.write_text('{"auths": {}}')
    own = {"DOCKER_CONFIG": str(folder), "REGISTRY_AUTH_FILE": str(empty)}
    client = replace(client, environment={**client.environment, **own})
    if name == "skopeo":
        return Skopeo(client, folder, address, authority)
    return {"docker": Docker, "podman": Podman, "buildah": Buildah}[name](client, folder, address)


def modelled(name: str, base: str, context: ssl.SSLContext | None = None) -> Modelled:
    return Modelled(MODELS[name](Asking(base, context)))
