"""Controllers of other packages: how they are found, what is said of those that cannot be used, and one in a server."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import time
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from moorage.auth.base import Access, AuthError, Challenge, Credentials, Grant, Unreachable
from moorage.auth.extensions import GROUP, Context, load
from moorage.auth.oidc import KEYS
from tests.auth.packages import EXAMPLE, install, install_example
from tests.docs.pages import blocks
from tests.support.exchange import exchange
from tests.support.server import Server, moorage_server, running

ROOT = Path(__file__).parents[2]
PUSH = [Access("repository", "blue/app", "push")]
TOKEN, OTHER = "correct-horse-battery-staple", "another-token-of-the-team"

BAD = """
import sys
from moorage.auth.base import AuthError, Challenge, Offer

number = 7

def raises(options, context):
    raise ValueError("first\\nsecond")

def refuses(options, context):
    raise AuthError(f"{context.section}.file: is missing")

def exits(options, context):
    sys.exit("bye")

def nothing(options, context):
    return None

def half(options, context):
    class Half:
        def authorize(self): ...
    return Half()

async def waits(options, context):
    return None

def takes_one(options):
    return None

class Kind:
    async def authorize(self, credentials, wanted): ...
    async def close(self): ...

def kind(options, context):
    return Kind

class Failing:
    def __init__(self, options, context): ...
    async def authorize(self, credentials, wanted):
        if not credentials.authorization:
            raise Challenge(wanted, [Offer("Basic", "Bad")])
        raise RuntimeError(f"cannot judge {credentials.authorization}")
    async def close(self): ...
"""

LATE: dict[str, str] = {
    "raises": "auth.extension.options: bad (bad_controllers:raises) cannot be made of these: ValueError: first second",
    "refuses": "auth.extension.options.file: is missing",
    "exits": "auth.extension.options: bad (bad_controllers:exits) cannot be made of these: SystemExit: bye",
    "nothing": "auth.extension.name: bad (bad_controllers:nothing) makes a NoneType, which is no access controller: "
    "it has no authorize and no close",
    "half": "auth.extension.name: bad (bad_controllers:half) makes a Half, which is no access controller: it has no close",
    "waits": "auth.extension.name: bad (bad_controllers:waits) makes a coroutine, which is no access controller: "
    "it has no authorize",
    "takes_one": "auth.extension.options: bad (bad_controllers:takes_one) cannot be made of these: TypeError: "
    "takes_one() takes 1 positional argument but 2 were given",
    "kind": "auth.extension.name: bad (bad_controllers:kind) makes the class Kind, which is no access controller",
}
EARLY: dict[str, str] = {
    "bad_controllers:number": "bad (bad_controllers:number) is no factory, but a int",
    "bad_controllers:missing": "cannot be imported: AttributeError: module 'bad_controllers' has no attribute 'missing'",
    "no_such_module:controller": "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
    "broken_module:controller": "cannot be imported: SyntaxError: ",
    "leaving_module:controller": "cannot be imported: SystemExit: 3",
}
MODULES = {
    "bad_controllers": BAD,
    "broken_module": "def controller(:\n",
    "leaving_module": "import sys\nsys.exit(3)\n",
}


def put(folder: Path, monkeypatch: pytest.MonkeyPatch, entries: dict[str, str], package: str = "bad") -> None:
    """Installs a package for this process."""
    monkeypatch.syspath_prepend(str(install(folder / package, entries, MODULES, package)))


@pytest.mark.parametrize("name", LATE)
def test_what_cannot_be_made_is_told_in_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, monkeypatch, {"bad": f"bad_controllers:{name}"})
    factory = load("bad")
    with pytest.raises(AuthError) as caught:
        factory({"password": "not to be shown"}, Context())
    assert str(caught.value) == LATE[name]


@pytest.mark.parametrize("target", EARLY)
def test_what_cannot_be_imported_is_told_in_one_line(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, monkeypatch, {"bad": target})
    with pytest.raises(AuthError, match=r"^auth\.extension\.name: bad \(") as caught:
        load("bad")
    assert EARLY[target] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["team", "tems", "Teams", "teams ", "", "teams:controller", "../teams"])
def test_of_a_name_that_nobody_has_the_others_are_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, monkeypatch, {"teams": "no_such_module:x", "other": "no_such_module:y"})
    with pytest.raises(
        AuthError, match=rf"no package here has {re.escape(repr(name))} in moorage\.auth"
    ) as caught:
        load(name)
    assert re.search(r"there are .*\bother\b.*\bteams\b", str(caught.value))


def test_the_nearest_name_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, monkeypatch, {"teams": "no_such_module:x"})
    with pytest.raises(AuthError, match=r"\(did you mean teams\?\)"):
        load("tems")


def test_two_packages_with_one_name_are_not_chosen_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, monkeypatch, {"teams": "bad_controllers:kind"}, "first")
    put(tmp_path, monkeypatch, {"teams": "bad_controllers:half"}, "second")
    with pytest.raises(
        AuthError, match=r"several packages have 'teams' in moorage\.auth: first, second; keep one"
    ):
        load("teams")


async def test_what_fails_later_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, monkeypatch, {"bad": "bad_controllers:Failing"})
    made = load("bad")({}, Context())
    with pytest.raises(Unreachable, match="bad failed: RuntimeError"):
        await made.authorize(Credentials("Bearer a-secret-of-somebody"), PUSH)
    assert "secret" not in repr([vars(record) for record in caplog.records])
    await made.close()


async def test_the_example_knows_teams_by_their_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(install_example(tmp_path / "packages")))
    file = tmp_path / "teams.json"
    with pytest.raises(AuthError, match=r"^auth\.extension\.options: needs file, and nothing else$"):
        load("teams")({"path": "x"}, Context())
    with pytest.raises(AuthError, match=r"^auth\.extension\.options\.file: .*No such file"):
        load("teams")({"file": str(file)}, Context())
    write(file, blue=TOKEN)
    made = load("teams")({"file": str(file)}, Context())
    assert await made.authorize(basic("blue", TOKEN), PUSH) == Grant("blue", frozenset({"teams"}))
    for credentials in (
        basic("blue", OTHER), basic("red", TOKEN), basic("blue", hashed(TOKEN)), Credentials(), Credentials("Basic !"),
        Credentials(f"Bearer {TOKEN}"),
    ):  # fmt: skip
        with pytest.raises(Challenge):
            await made.authorize(credentials, ())
    await made.close()


def test_the_controller_of_openid_tokens_is_an_entry_point_like_others() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    target = project["entry-points"][GROUP]["oidc"]
    factory = EntryPoint("oidc", target, GROUP).load()
    with pytest.raises(AuthError, match=rf"there are {', '.join(KEYS)}"):
        factory({"nonsense": 1}, Context())


def test_the_page_shows_the_example_as_it_is_tested() -> None:
    shown = {block.text for block in blocks(ROOT / "docs" / "authentication.md")}
    for name in ("team_tokens.py", "pyproject.toml", "config.yml"):
        assert (EXAMPLE / name).read_text() in shown, f"{name} is not in the page as it is"


def write(file: Path, **tokens: str) -> None:
    file.write_text(json.dumps({team: hashed(token) for team, token in tokens.items()}))


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def basic(user: str, password: str) -> Credentials:
    return Credentials(f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}")


def status(server: Server, method: str, path: str, credentials: Credentials | None = None) -> int:
    headers = {"Authorization": credentials.authorization} if credentials else {}
    return exchange(server.address, method, path, headers=headers).status


def extended(folder: Path, name: str, options: str, packages: Path) -> Server:
    """Of the configuration in the page, with this name and these options."""
    text = (EXAMPLE / "config.yml").read_text()
    section = text[text.index("auth:") :]
    section = section.replace("name: teams", f"name: {name}").replace(
        "{file: /etc/moorage/teams.json}", options
    )
    path = [str(packages), *filter(None, [os.environ.get("PYTHONPATH")])]
    return moorage_server(folder, extra=section, environment={"PYTHONPATH": os.pathsep.join(path)})


@pytest.fixture
def teams(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    file = tmp_path / "teams.json"
    write(file, blue=TOKEN)
    packages = install_example(tmp_path / "packages")
    with running(extended(tmp_path / "moorage", "teams", f"{{file: {file}}}", packages)) as server:
        yield server, file


def test_the_example_decides_in_a_server(teams: tuple[Server, Path]) -> None:
    server, file = teams
    blue = basic("blue", TOKEN)
    assert status(server, "GET", "/v2/") == 401
    assert status(server, "GET", "/v2/", basic("blue", OTHER)) == 401
    assert status(server, "GET", "/v2/", blue) == 200
    assert status(server, "POST", "/v2/blue/app/blobs/uploads/", blue) == 202
    assert status(server, "POST", "/v2/red/app/blobs/uploads/", blue) == 403
    assert status(server, "GET", "/v2/shared/app/tags/list", blue) == 404, (
        "it may be pulled, but is not there"
    )
    assert status(server, "POST", "/v2/shared/app/blobs/uploads/", blue) == 403
    write(file, blue=OTHER)
    # Each worker looks at the file for itself, and any of them may answer.
    deadline, refusals = time.monotonic() + 20, 0
    while refusals < 10 and time.monotonic() < deadline:
        refusals = refusals + 1 if status(server, "GET", "/v2/", blue) == 401 else 0
        time.sleep(0.15)
    assert refusals == 10
    assert status(server, "GET", "/v2/", basic("blue", OTHER)) == 200


def test_a_controller_that_fails_is_answered_503_and_told_without_the_credentials(tmp_path: Path) -> None:
    packages = install(tmp_path / "packages", {"bad": "bad_controllers:Failing"}, MODULES)
    secret = basic("blue", TOKEN)
    server = extended(tmp_path / "moorage", "bad", "{}", packages)
    with running(server):
        assert status(server, "GET", "/v2/") == 401
        assert status(server, "POST", "/v2/blue/app/blobs/uploads/", secret) == 503
        assert status(server, "GET", "/v2/", secret) == 503
    told = server.log.read_text()
    assert "the access controller failed, so nobody gets in by it" in told
    assert TOKEN not in told
    assert secret.authorization.partition(" ")[2] not in told


def test_a_server_does_not_start_without_its_controller(tmp_path: Path) -> None:
    server = extended(tmp_path / "moorage", "teams", "{}", install_example(tmp_path / "packages"))
    try:
        with pytest.raises(RuntimeError, match=r"auth\.extension\.options: needs file, and nothing else"):
            server.start()
    finally:
        server.kill()
