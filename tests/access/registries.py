"""The registries that are asked: the same images in each, in memory, and everybody's credentials."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from moorage.app import Application
from moorage.drivers.inmemory import InMemoryDriver, _File
from moorage.names import UploadId
from tests.access.cases import IMAGES, REFERRERS, REPOSITORIES, TAGS, Upload
from tests.access.credentials import (
    AUDIENCE,
    HOST,
    ISSUER,
    Headers,
    bearer,
    by_password,
    issued,
    now,
    password_file,
    resigned,
    service_token,
    user,
)
from tests.access.table import HAS, known
from tests.api.client import Answer, Client, application, serving
from tests.api.pushing import push
from tests.auth.tokens import ec_key, public_pem

REALM: Final = "http://registry.example.org/auth/token"
ELSEWHERE: Final = "https://auth.example.org/token"
SECRET: Final = "a secret that all of them share"

HTTP: Final = f"http: {{secret: {SECRET}}}\n"


@dataclass
class Registry:
    """`identities`: the headers that everybody sends. What is in the storage can be put back."""

    name: str
    client: Client
    driver: InMemoryDriver
    folder: Path
    identities: dict[str, Headers] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)
    _guests: int = 0

    async def ask(
        self,
        identity: str,
        method: str,
        target: str,
        body: Any = b"",
        headers: Headers = (),
        *,
        host: str = HOST,
    ) -> Answer:
        """A guesser comes from another address each time, else it would be told to wait."""
        client = self.client
        if identity == "bad password":
            self._guests += 1
            client = Client(client.app, (f"198.18.{self._guests >> 8}.{self._guests & 255}", 40_000))
        sent = (("host", host), *self.identities.get(identity, ()), *headers)
        return await client(method, target, body, sent)

    def keep(self) -> None:
        self.kept = {path: bytes(file.data) for path, file in self.driver._files.items()}

    def differences(self) -> list[str]:
        """Paths of what was made, changed or removed since."""
        files = self.driver._files
        if len(files) == len(self.kept) and all(
            path in self.kept and file.data == self.kept[path] for path, file in files.items()
        ):
            return []
        now = {path: bytes(file.data) for path, file in files.items()}
        return sorted(path for path in {*now, *self.kept} if now.get(path) != self.kept.get(path))

    def restore(self) -> None:
        for path in self.differences():
            self.driver._files.pop(path, None)
            if path in self.kept:
                self.plant(path, self.kept[path])

    def plant(self, path: str, data: bytes) -> None:
        file = self.driver._files[path] = _File()
        file.data[:] = data


@asynccontextmanager
async def started(name: str, folder: Path, more: str = "") -> AsyncIterator[Registry]:
    made: Application = application(folder / name.replace(" ", "-"), "", HTTP + more)
    async with serving(made) as client:
        driver = made._driver
        assert isinstance(driver, InMemoryDriver)
        yield Registry(name, client, driver, folder)


@asynccontextmanager
async def open_registry(folder: Path) -> AsyncIterator[tuple[Registry, dict[str, Upload]]]:
    """Everybody may do everything. With the uploads that were begun there."""
    async with started("open", folder) as registry:
        uploads = await _fill(registry.client)
        registry.keep()
        yield registry, uploads


async def _fill(client: Client) -> dict[str, Upload]:
    uploads = {"missing": Upload(UploadId.new(), "")}
    for state, repository in (("in A", "A"), ("only in B", "B")):
        name = REPOSITORIES[repository]
        await push(client, name, IMAGES[state], TAGS[state])
        await push(client, name, REFERRERS[state])
        begun = await client("POST", f"/v2/{name}/blobs/uploads/")
        uploads[state] = upload_at(begun.headers["location"])
        # Writes down what it finds, the first time.
        assert (await client.get(f"/v2/{name}/referrers/{IMAGES[state].digest}")).status == 200
    return uploads


def upload_at(location: str) -> Upload:
    path, _, query = location.partition("?_state=")
    return Upload(path.rpartition("/")[2], query)


@asynccontextmanager
async def guarded(name: str, folder: Path, like: Registry) -> AsyncIterator[Registry]:
    """With access control of that kind, and in the storage what the other one has."""
    folder.mkdir(parents=True, exist_ok=True)
    async with started(name, folder, CONFIGURATIONS[name](folder)) as registry:
        for path, data in like.kept.items():
            if path.startswith("/docker/"):
                registry.plant(path, data)
        registry.identities = await IDENTITIES[name](registry)
        registry.keep()
        yield registry


def password_section(folder: Path) -> str:
    path = folder / "htpasswd"
    path.write_text(password_file())
    return f"auth: {{htpasswd: {{realm: Registry, path: {path}}}}}\n"


def token_section(folder: Path) -> str:
    path = folder / "token.pem"
    path.write_bytes(public_pem(ec_key()))
    section = {"realm": ELSEWHERE, "service": AUDIENCE, "issuer": ISSUER, "rootcertbundle": str(path)}
    return f"auth: {json.dumps({'token': section})}\n"


def _rules(folder: Path) -> str:
    return f"{password_section(folder)}{_access()}"


def _tokens_and_rules(folder: Path) -> str:
    return f"{token_section(folder)}{_access()}"


def _access() -> str:
    rules = [
        {"repositories": ["**"] if place == "registry" else [REPOSITORIES[place]], "users": [user(identity)], "allow": sorted(actions)}
        for identity, places in HAS.items()
        for place, actions in places.items()
    ]  # fmt: skip
    return f"access: {json.dumps(rules)}\n"


async def _with_passwords(registry: Registry) -> dict[str, Headers]:
    identities = {one: by_password(one) for one in HAS}
    strangers = {
        "anonymous": (),
        "other audience": bearer(service_token("admin", aud="another")),
        "expired": bearer(service_token("admin", iat=now() - 900, nbf=now() - 900, exp=now() - 600)),
    }
    return identities | strangers


async def _with_tokens(_: Registry) -> dict[str, Headers]:
    identities = {one: bearer(service_token(one)) for one in HAS if known(one)}
    strangers = {
        "anonymous": (),
        "bad password": by_password("bad password"),
        "other audience": bearer(service_token("admin", aud="another")),
        "expired": bearer(service_token("admin", iat=now() - 900, nbf=now() - 900, exp=now() - 600)),
    }
    return identities | strangers


async def _with_generous_tokens(registry: Registry) -> dict[str, Headers]:
    """Everybody's token is for everything."""
    generous = {one: bearer(service_token("admin", sub=user(one))) for one in HAS if known(one)}
    return await _with_tokens(registry) | generous


async def _with_issued(registry: Registry) -> dict[str, Headers]:
    identities = {one: bearer(await issued(registry.client, one)) for one in HAS if known(one)}
    admin = identities["admin"][0][1].removeprefix("Bearer ")
    strangers = {
        "anonymous": (),
        "bad password": by_password("bad password"),
        "other audience": bearer(resigned(registry.driver, admin, aud="another")),
        "expired": bearer(
            resigned(registry.driver, admin, iat=now() - 900, nbf=now() - 900, exp=now() - 600)
        ),
    }
    return identities | strangers


CONFIGURATIONS: Final = {
    "passwords": password_section,
    "tokens": token_section,
    "rules": _rules,
    "rules, by password": _rules,
    "rules, generous tokens": _tokens_and_rules,
}
IDENTITIES: Final = {
    "passwords": _with_passwords,
    "tokens": _with_tokens,
    "rules": _with_issued,
    "rules, by password": _with_passwords,
    "rules, generous tokens": _with_generous_tokens,
}
"""By kind: with `rules` alone, everybody has a token of the built-in service."""
