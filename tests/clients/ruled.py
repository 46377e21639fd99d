"""A registry where anybody pulls below `public/`, who has signed in pulls everything and pushes, and one place is alice's alone."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.auth.hashing import line
from tests.clients.asking import Asking, basic, verified
from tests.clients.models.base import ACCEPT, TAG, everything
from tests.clients.models.oras import Oras
from tests.clients.smallimages import SmallImage, small_image
from tests.server.secure import AUTHORITY, CERTIFICATE, KEY, SecureServer, trusting
from tests.support.ports import free_port
from tests.support.server import Server, moorage_command

PASSWORDS = {
    "alice": "alice's secret",
    "bob": "bob's secret",
    "carol": "carol's secret",
    "dora": "dora's secret",
    "emma": "emma's secret",
}
RULES = [
    {"repositories": ["public/**"], "anonymous": True, "allow": ["pull"]},
    {"repositories": ["public/**", "private/**", "team/**"], "users": ["*"], "allow": ["pull"]},
    {"repositories": ["public/**", "private/**"], "users": ["*"], "allow": ["push"]},
    {"repositories": ["team/alice/**"], "users": ["alice"], "allow": ["push"]},
    {"repositories": ["secret/**"], "users": ["carol"], "allow": ["push"]},
]
GUESTS = 100
SEED = small_image("what is there already")
_LINE = re.compile(r'"(?P<method>[A-Z]+) (?P<path>[^ ?]+)\S* HTTP/1\.1" (?P<status>\d{3}) ')
SECONDS = 30.0
"""How long is waited for what must come."""


@dataclass
class Ruled:
    """`secure`: it speaks TLS. Public, private and secret repositories named `seed` have SEED."""

    server: Server
    folder: Path
    secure: bool
    _marks: Iterator[int] = field(default_factory=itertools.count)
    _guests: list[str] = field(default_factory=lambda: [f"guest-{number}" for number in range(GUESTS)])

    @property
    def address(self) -> str:
        """Certificates of the tests are for this name too."""
        return f"localhost:{self.server.port}" if self.secure else self.server.address

    @property
    def base(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.address}"

    def asking(self) -> Asking:
        return Asking(self.base, trusting() if self.secure else None)

    def seed(self) -> None:
        for name, user in (("public/seed", "alice"), ("private/seed", "alice"), ("secret/seed", "carol")):
            self.put(name, SEED, user)

    def put(self, name: str, image: SmallImage, user: str = "alice") -> None:
        client = Oras(self.asking())
        client.remember(user, PASSWORDS[user])
        client.push(name, image)

    def has(self, name: str) -> bool:
        """Whether anything was pushed there, be it only a layer."""
        return (self.server.root / "docker/registry/v2/repositories" / name).exists()

    def stored(self, name: str) -> list[bytes]:
        """Manifest, configuration and layers of what is there, checked; alice asks."""
        asking, own = self.asking(), {**basic("alice", PASSWORDS["alice"]), **ACCEPT}
        found: list[bytes] = []

        def get(kind: str, digest: str) -> bytes:
            found.append(verified(asking("GET", f"/v2/{name}/{kind}/{digest}", own), digest))
            return found[-1]

        tag = asking("HEAD", f"/v2/{name}/manifests/{TAG}", own)
        everything(tag.headers["docker-content-digest"], get)
        return found

    def forgive(self) -> None:
        """Wrong passwords of before count no more once somebody new has signed in rightly: else the many of these tests, which
        have one address in common, would shut it out."""
        guest = self._guests.pop()
        assert self.asking()("GET", "/v2/", basic(guest, guest)).status == 200

    def change_password(self, user: str, password: str) -> None:
        """It counts when this returns."""
        path = self.folder / "htpasswd"
        others = [one for one in path.read_text().splitlines(True) if not one.startswith(f"{user}:")]
        path.write_text("".join([*others, line(user, password)]))
        deadline = time.monotonic() + SECONDS
        while self.asking()("GET", "/v2/", basic(user, password)).status != 200:
            assert time.monotonic() < deadline, "a changed password file has to be noticed"
            time.sleep(0.1)

    def mark(self) -> int:
        """Where the log is, once everything that was answered is in it: the line of a request may come after its answer."""
        path = f"/v2/mark-{next(self._marks)}"
        self.asking()("GET", path)
        deadline = time.monotonic() + SECONDS
        while path not in (written := self.server.log.read_text(errors="replace")):
            assert time.monotonic() < deadline, "requests have to be logged"
            time.sleep(0.01)
        return written.index(path)

    def answers(self, since: int) -> list[str]:
        """What was answered between that mark and now, such as `GET /v2/ 401`."""
        end = self.mark()
        lines = self.server.log.read_text(errors="replace")[since:end].splitlines()[1:]
        found = [_LINE.search(one) for one in lines]
        return [f"{one['method']} {one['path']} {one['status']}" for one in found if one]


def ruled(folder: Path, *, secure: bool, lifetime: str = "5m") -> Ruled:
    """Not yet started. `lifetime`: of its tokens."""
    people = PASSWORDS | {f"guest-{number}": f"guest-{number}" for number in range(GUESTS)}
    (folder / "htpasswd").write_text("".join(line(*one) for one in people.items()))
    port, root = free_port(), folder / "data"
    http: dict[str, object] = {"addr": f"127.0.0.1:{port}", "workers": 1}
    if secure:
        AUTHORITY.issue().write(folder / CERTIFICATE, folder / KEY)
        http["tls"] = {"certificate": str(folder / CERTIFICATE), "key": str(folder / KEY)}
    configuration = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(root)}},
        "http": http,
        "auth": {
            "htpasswd": {"realm": "Registry", "path": str(folder / "htpasswd")},
            "issuer": {"lifetime": lifetime},
        },
        "access": RULES,
    }
    # JSON is YAML.
    (folder / "config.yml").write_text(json.dumps(configuration))
    command = moorage_command("serve", str(folder / "config.yml"))
    kind = SecureServer if secure else Server
    return Ruled(kind(command, port, root, folder / "log"), folder, secure)
