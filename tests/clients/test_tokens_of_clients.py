"""What clients do with tokens: keep them, come again with them, ask for more of them, and see them end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.clients.aging import aged
from tests.clients.asking import Refused, basic, bearer
from tests.clients.models import MODELS
from tests.clients.models.base import Model
from tests.clients.models.containerd import Containerd
from tests.clients.ruled import PASSWORDS, SECONDS, SEED, Ruled, ruled
from tests.clients.signing import Engine, engine
from tests.clients.smallimages import small_image
from tests.support.command import Client
from tests.support.server import running


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ruled]:
    found = ruled(tmp_path_factory.mktemp("ruled"), secure=False)
    with running(found.server):
        found.seed()
        yield found


def model(registry: Ruled, name: str, user: str, secret: str = "") -> Model:
    made = MODELS[name](registry.asking())
    made.remember(user, secret or PASSWORDS[user])
    return made


def kept(docker: Engine) -> dict[str, str]:
    """What Docker wrote down of a login."""
    found: dict[str, str] = json.loads(docker.credentials.read_text())["auths"][docker.address]
    return found


def test_docker_keeps_a_token_instead_of_the_password_until_that_changes(
    registry: Ruled, docker: Client, tmp_path: Path
) -> None:
    client = engine("docker", docker, tmp_path, registry.address, b"")
    assert client.login("dora", PASSWORDS["dora"]).worked
    assert kept(client).keys() == {"auth", "identitytoken"}
    mark = registry.mark()
    assert client.push("private/dora", small_image("dora 1")).worked
    asked = [answer for answer in registry.answers(mark) if "/auth/token" in answer]
    assert set(asked) == {"POST /auth/token 200"}

    registry.change_password("dora", "another secret")
    told = "the refresh token is not valid, sign in again: the password has changed since"
    for outcome in (client.push("private/dora", small_image("dora 2")), client.pull("public/seed")):
        assert not outcome.worked
        assert told in outcome.said

    before = kept(client)
    assert client.login("dora", "another secret").worked
    assert kept(client) != before
    assert client.push("private/dora", small_image("dora 2")).worked


def test_docker_keeps_the_password_where_there_are_no_refresh_tokens(docker: Client, tmp_path: Path) -> None:
    folder = tmp_path / "ruled"
    folder.mkdir()
    registry = ruled(folder, secure=False)
    registry.server.environment = {"REGISTRY_AUTH_ISSUER_REFRESHLIFETIME": "0"}
    with running(registry.server):
        client = engine("docker", docker, tmp_path, registry.address, b"")
        assert client.login("dora", PASSWORDS["dora"]).worked
        assert kept(client).keys() == {"auth"}
        assert client.push("private/dora", small_image("dora 1")).worked


def test_other_clients_come_with_such_a_token_too_until_the_password_changes(registry: Ruled) -> None:
    scope = "service=moorage&offline_token=true"
    answer = registry.asking()("GET", f"/auth/token?{scope}", basic("emma", PASSWORDS["emma"]))
    token = json.loads(answer.body)["refresh_token"]
    nerdctl = Containerd(registry.asking())
    nerdctl.login("emma", PASSWORDS["emma"])
    assert nerdctl.asking.count("POST", "/auth/token") == 1

    people = {name: MODELS[name](registry.asking()) for name in MODELS}
    for person in people.values():
        person.remember("", token)
    people["nerdctl"] = nerdctl
    for name, person in people.items():
        person.push(f"private/emma/{name}", small_image(f"emma {name}"))
        assert person.asking.count("GET", "/auth/token") == 0
        assert person.asking.count("POST", "/auth/token") > 0

    registry.change_password("emma", "another secret")
    for name, told in {
        "containerd": "401",
        "nerdctl": "401",
        "crane": "sign in again",
        "oras": "sign in again",
    }.items():
        with pytest.raises(Refused, match=told):
            people[name].push(f"private/emma/{name}", small_image(f"emma again {name}"))


@pytest.mark.parametrize("name", MODELS)
def test_a_layer_is_mounted_with_a_token_for_both_repositories(registry: Ruled, name: str) -> None:
    person, image = model(registry, name, "alice"), small_image(f"mounted by {name}")
    person.push(f"private/{name}/from", image)
    person.asking.asked.clear()
    person.push(f"private/{name}/to", image, f"private/{name}/from")
    mounted = [one for one in person.asking.asked if one.path.endswith("/uploads/") and one.status == 201]
    assert len(mounted) == len(image.blobs)
    assert not [one for one in person.asking.asked if "/uploads/" in one.path and one.method != "POST"]
    assert len(registry.stored(f"private/{name}/to")) == len(image.travelled)


@pytest.mark.parametrize("name", MODELS)
def test_a_layer_that_may_not_be_pulled_is_uploaded_instead_of_mounted(registry: Ruled, name: str) -> None:
    person = model(registry, name, "alice")
    person.push(f"private/{name}/not-mounted", SEED, "secret/seed")
    uploaded = [one for one in person.asking.asked if one.method == "PUT" and "/uploads/" in one.path]
    assert [one.status for one in uploaded] == [201] * len(SEED.blobs)
    assert len(registry.stored(f"private/{name}/not-mounted")) == len(SEED.travelled)
    allowed = model(registry, name, "carol")
    allowed.push(f"private/{name}/mounted", SEED, "secret/seed")
    assert not [one for one in allowed.asking.asked if one.method == "PUT" and "/uploads/" in one.path]


def test_docker_that_has_signed_in_mounts_layers_too(registry: Ruled, docker: Client, tmp_path: Path) -> None:
    client, image = (
        engine("docker", docker, tmp_path, registry.address, b""),
        small_image("mounted by docker"),
    )
    assert client.login("alice", PASSWORDS["alice"]).worked
    assert client.push("private/docker/from", image).worked
    said = client.push("private/docker/to", image).said
    assert "Mounted from private/docker/from" in said


def push_slowly(registry: Ruled, name: str, age: Callable[[str], str], seconds: float) -> Model:
    """Pushes an image, whose first upload goes on only after the token with which it began is over."""
    person = model(registry, name, "alice")
    tokens: list[str] = []

    def receive(token: str) -> str:
        tokens.append(age(token))
        return tokens[-1]

    def wait() -> None:
        person.begun, person.received = (lambda: None), str
        deadline = time.monotonic() + seconds
        while registry.asking()("GET", "/v2/", bearer(tokens[-1])).status != 401:
            assert time.monotonic() < deadline, "the token has to end"
            time.sleep(0.2)

    person.begun, person.received = wait, receive
    person.push(f"private/{name}/slow", small_image(f"slowly by {name}"))
    return person


def check_slow_pushes(registry: Ruled, age: Callable[[str], str], seconds: float) -> None:
    """All clients at once, for the waiting takes most of the time."""
    with ThreadPoolExecutor(len(MODELS)) as threads:
        slow = {name: threads.submit(push_slowly, registry, name, age, seconds) for name in MODELS}
        people = {name: future.result() for name, future in slow.items()}
    for name, person in people.items():
        assert len(registry.stored(f"private/{name}/slow")) == 3
        uploading = [one for one in person.asking.asked if "/uploads/" in one.path and one.method != "POST"]
        assert not [one for one in uploading if one.status >= 400], f"{name} had to begin again"
        assert [one for one in person.asking.asked if one.status == 401], f"{name} has to notice in the end"


def test_an_upload_that_outlives_its_token_goes_on(registry: Ruled) -> None:
    check_slow_pushes(registry, lambda token: aged(token, registry.server.root), SECONDS)


@pytest.mark.soak
def test_an_upload_that_outlives_its_token_of_a_minute_goes_on(tmp_path: Path) -> None:
    registry = ruled(tmp_path, secure=False, lifetime="60s")
    with running(registry.server):
        check_slow_pushes(registry, str, 150)
