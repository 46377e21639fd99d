"""No name, digest, id or parameter leads to a file that is not the registry's, however it is written."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import quote

import pytest

from moorage.api.endpoint import Endpoint
from moorage.api.resume import States
from moorage.api.service import Service
from moorage.drivers.filesystem import FilesystemDriver
from moorage.names import UploadId
from moorage.store.registry import Registry
from moorage.store.repository import Stock
from tests.access.credentials import password_file
from tests.access.registries import HTTP
from tests.api.client import Client, application, serving
from tests.api.conftest import FILESYSTEM
from tests.api.pushing import push
from tests.auth.hashing import header
from tests.contracts.disk import Watched
from tests.store.images import image

SHORT, LONG = 2_000, 100_000
CANARY: Final = "a canary that lives outside"
PRIVATE: Final = image("a canary that lives inside")
CANARIES: Final = (CANARY.encode(), PRIVATE.payload, *PRIVATE.blobs)
METHODS: Final = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE")

DOTS: Final = (
    "..", ".", "%2e", "%2e%2e", ".%2e", "%252e%252e", "%c0%ae%c0%ae", "%e0%80%ae", "%uff0e%uff0e", "\uff0e\uff0e", "...", "....", ". .", "..%00", "..;", "%2e.",
)  # fmt: skip
SLASHES: Final = (
    "/",
    "//",
    "%2f",
    "%252f",
    "%5c",
    "\\",
    "%c0%af",
    "/./",
    "\u2215",
    "\uff0f",
    "%0a",
    "%00",
    "%09",
    "/;/",
    "?",
    "#",
)
PLACES: Final = (
    "etc/passwd", "outside/canary", "private/app", "docker/registry/v2", "moorage/secret", "moorage/keys", "_layers/sha256", "_uploads", "_manifests/tags", "alpha", "app",
    "sha256:" + "0" * 64, "sha256:../../../../outside/canary", "sha512:" + "a" * 128, "link", "data", "startedat", "htpasswd", "~", "~root", "$HOME", "C:", "CON", "file:", "proc/self/environ",
    "a" * 300, "", " ", "\u00e0", "\u202e", "A", "*", "{}", "[]", "$(id)", "`id`", "|", "&", "'", '"', "<", ">", "%", "%%", "%n", "%s", "-", "--help", "@", ":", "=",
)  # fmt: skip
TARGETS: Final = (
    "/v2/{0}/manifests/{1}", "/v2/{0}/manifests/one", "/v2/alpha/app/manifests/{0}", "/v2/{0}/blobs/{1}", "/v2/alpha/app/blobs/{0}", "/v2/alpha/app/blobs/sha256:{0}",
    "/v2/{0}/tags/list", "/v2/{0}/tags/list?last={1}", "/v2/alpha/app/tags/list?last={0}&n=2", "/v2/_catalog?last={0}", "/v2/_catalog?n={0}&last={1}",
    "/v2/{0}/referrers/{1}", "/v2/alpha/app/referrers/{0}?artifactType={1}", "/v2/{0}/blobs/uploads/", "/v2/{0}/blobs/uploads/{1}", "/v2/alpha/app/blobs/uploads/{0}",
    "/v2/alpha/app/blobs/uploads/{0}?digest={1}", "/v2/alpha/app/blobs/uploads/?mount={0}&from={1}", "/v2/alpha/app/blobs/uploads/?mount=" + PRIVATE.digest + "&from={0}",
    "/v2/alpha/app/blobs/uploads/?digest={0}", "/v2/alpha/app/manifests/two?tag={0}", "/v2/{0}", "/{0}/v2/{1}", "/v2/alpha/app/{0}/{1}", "/auth/token?scope={0}&account={1}",
    "/v2/alpha/app/blobs/uploads/" + UploadId.new() + "?_state={0}", "/{0}", "{0}",
)  # fmt: skip
FITTING: Final = {
    "uploads/?": ("POST",),
    "uploads/{": ("GET", "PATCH", "PUT", "DELETE"),
    "manifests": ("GET", "HEAD", "PUT", "DELETE"),
    "blobs/": ("GET", "HEAD", "DELETE", "POST"),
    "tags/": ("GET",),
    "_catalog": ("GET",),
    "referrers": ("GET", "HEAD"),
}


def written(random: Random) -> str:
    """A few pieces of a way out, now and then behind a good beginning."""
    kinds = (DOTS, SLASHES, PLACES, (*DOTS, "/", "/"))
    pieces = [random.choice(random.choice(kinds)) for _ in range(random.randrange(1, 9))]
    text = random.choice(("", "", "alpha/", "alpha/app", "sha256:")) + "".join(pieces)
    return quote(text, safe="%/:?#;\\" if random.random() < 0.8 else "")


def requests(count: int, seed: int) -> Iterator[tuple[str, str]]:
    random = Random(seed)
    for _ in range(count):
        target = random.choice(TARGETS)
        method = random.choice(next((fit for part, fit in FITTING.items() if part in target), METHODS))
        path = target.format(written(random), written(random))
        yield method, f"http://registry.example.org/{path.lstrip('/')}"


class Audited:
    """Everything that Python opens, lists, moves or removes while `paths` is a list."""

    def __init__(self) -> None:
        self.paths: list[str] | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.paths is not None and (event == "open" or event.startswith(("os.", "shutil."))):
            self.paths += [os.fsdecode(one) for one in arguments if isinstance(one, str | bytes)]

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        heard: list[str] = []
        self.paths = heard
        try:
            yield heard
        finally:
            self.paths = None


AUDITED: Final = Audited()
"""A hook stays for ever, so there is one."""


class Telling(Watched):
    """Also what no audit event tells of: which files were looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        self.paths += [one for one in args if isinstance(one, str) and name not in ("getxattr", "setxattr")]


def outside(paths: list[str], root: Path) -> set[str]:
    """Of those with which files are named: modes such as `rb` are heard too."""
    named = {path for path in paths if "/" in path or path.startswith(".")}
    return {path for path in named if not f"{os.path.realpath(path)}/".startswith(f"{root}/")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a canary beside the registry's root."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "canary").write_text(CANARY)
    return tmp_path


async def everything(client: Client, count: int, seed: int, headers: Any = ()) -> list[str]:
    """What is wrong with the answers."""
    wrong = []
    for method, target in requests(count, seed):
        answer = await client(
            method, target, b"content" if method in ("PUT", "PATCH", "POST") else b"", headers
        )
        if answer.status >= 500 or any(one in answer.body for one in CANARIES):
            wrong.append(f"{method} {target}: {answer.status} {answer.body[:200]!r}")
    return wrong


async def open_to_all(folder: Path, count: int, seed: int) -> None:
    root, disk = folder / "root", Telling()
    driver = FilesystemDriver(str(root), disk=disk)
    driver.prepare()
    service = Service(registry=Registry(Stock(driver)), states=States(b"k" * 32), delete_enabled=True)
    client = Client(Endpoint(service))
    await push(client, "alpha/app", image("app"), "one")
    await everything(client, 50, seed + 1)
    disk.paths.clear()
    with AUDITED.listening() as heard:
        wrong = await everything(client, count, seed)
    await driver.close()
    assert not wrong
    assert len(disk.paths) > count / 20, "the disk is asked at all"
    assert outside(disk.paths, root) == outside(heard, root) == set()
    assert [path.name for path in folder.iterdir() if path.name != "root"] == ["outside"]
    assert (folder / "outside" / "canary").read_text() == CANARY


async def guarded(folder: Path, count: int, seed: int) -> None:
    """Whoever may do everything in `alpha/**` sees nothing of `private/app`."""
    root = folder / "root"
    (folder / "htpasswd").write_text(password_file())
    rules = "access: [{repositories: [alpha/**], users: [admin], allow: [push, delete, catalog]}]\n"
    auth = f"auth: {{htpasswd: {{realm: Registry, path: {folder}/htpasswd}}}}\n"
    async with serving(application(folder / "open", FILESYSTEM.format(root=root), HTTP)) as client:
        await push(client, "private/app", PRIVATE, "one")
        await push(client, "alpha/app", image("app"), "one")
    private = {path: path.read_bytes() for path in root.glob("**/private/**/*") if path.is_file()}
    async with serving(
        application(folder / "guarded", FILESYSTEM.format(root=root), HTTP + auth + rules)
    ) as client:
        for headers in ((("authorization", header("admin", "the password of admin")),), ()):
            await everything(client, 50, seed + 1, headers)
            with AUDITED.listening() as heard:
                assert not await everything(client, count // 2, seed, headers)
            assert outside(heard, root) <= {str(folder / "htpasswd")}
    assert private == {path: path.read_bytes() for path in root.glob("**/private/**/*") if path.is_file()}


async def test_no_encoding_of_a_path_leads_out_of_the_root(folder: Path) -> None:
    """CVE-2024-4956, CVE-2024-37032: paths made of what a client wrote."""
    await open_to_all(folder, SHORT, 1)


async def test_nor_into_a_repository_that_is_not_mine(folder: Path) -> None:
    await guarded(folder, SHORT, 2)


@pytest.mark.soak
async def test_no_encoding_of_many_leads_out_of_the_root(folder: Path) -> None:
    await open_to_all(folder, LONG, 3)


@pytest.mark.soak
async def test_nor_do_many_into_a_repository_that_is_not_mine(folder: Path) -> None:
    await guarded(folder, LONG, 4)


async def test_the_hook_hears_what_is_opened(folder: Path) -> None:
    """Else all of this would say nothing."""
    (folder / "root").mkdir()
    with AUDITED.listening() as heard:
        os.close(os.open(f"{folder}/root/../outside/canary", os.O_RDONLY))
        os.listdir(f"{folder}/outside")
    assert len(outside(heard, folder / "root")) == 2
