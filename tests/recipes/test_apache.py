"""docs/recipes/apache.md, done as it says: Docker pushes and pulls through Apache, over HTTPS, whoever asks for the passwords."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.asking import basic
from tests.clients.smallimages import small_image
from tests.docs.pages import blocks
from tests.docs.test_deploy import Proxy
from tests.recipes.apache import PAGE, SITE, adapted, apache, settings
from tests.recipes.registry import PASSWORDS, asking_registry, password_file, person, told_realm
from tests.support.command import Client
from tests.support.ports import free_port
from tests.support.server import Server, running

CARGO = os.urandom(6 << 20)
SMALL_LIMIT = "\nLimitRequestBody 1000000\n"
"""For all sites; the page says that it does not count for layers."""
SECONDS = 30.0


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Settings with the password file and the groups of the page."""
    with settings() as made:
        (made / "registry/htpasswd").write_text(password_file())
        (made / "registry/groups").write_text("pushers: writer\n")
        with (made / "apache2.conf").open("a") as file:
            file.write(SMALL_LIMIT)
        yield made


@pytest.fixture(scope="module")
def apache_asks(shared_server: Server) -> Iterator[Proxy]:
    port = free_port()
    with (
        folder() as made,
        apache(made, adapted(SITE.read_text(), made, shared_server.port, port), port) as proxy,
    ):
        yield proxy


def test_docker_pushes_and_pulls_with_passwords_that_apache_asks_for(
    apache_asks: Proxy, docker: Client, tmp_path: Path
) -> None:
    nobody, reader, writer = (person(docker, tmp_path, apache_asks, user) for user in ("", *PASSWORDS))
    image = small_image("through apache", CARGO)
    assert not nobody.push("apache/app", image).worked
    refused = reader.push("apache/app", image)
    assert not refused.worked
    assert "denied: only the group pushers may push here" in refused.said
    pushed = writer.push("apache/app", image)
    assert pushed.worked, pushed.said
    for user in (reader, writer):
        assert user.pull("apache/app").found == image.unpacked
    assert not nobody.pull("apache/app").worked


def test_apache_asks_in_the_name_of_a_registry(apache_asks: Proxy) -> None:
    for user, status in (("", 401), ("reader:wrong", 401), (f"reader:{PASSWORDS['reader']}", 200)):
        answer, _ = apache_asks.request("GET", "/v2/", user=user)
        assert answer.status == status
        assert answer.headers.get_all("Docker-Distribution-Api-Version") == ["registry/2.0"]
    answer, _ = apache_asks.request("GET", "/v2/apache%2Fapp/tags/list", user=f"reader:{PASSWORDS['reader']}")
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0", "the registry answers"


def test_apache_passes_a_layer_on_as_it_comes(apache_asks: Proxy, shared_server: Server) -> None:
    """In chunks, as Docker sends it: of the first half, the registry has some before the second one is sent."""
    own = basic("writer", PASSWORDS["writer"])
    begun, _ = apache_asks.request(
        "POST", "/v2/apache/slow/blobs/uploads/", user=f"writer:{PASSWORDS['writer']}"
    )
    trusting = ssl.create_default_context(cafile=str(apache_asks.certificate))
    connection = http.client.HTTPSConnection("localhost", apache_asks.port, context=trusting, timeout=SECONDS)
    connection.putrequest("PATCH", begun.headers["Location"])
    for name, value in {"Transfer-Encoding": "chunked", **own}.items():
        connection.putheader(name, value)
    connection.endheaders()
    half = CARGO[: 3 << 20]
    connection.send(b"%x\r\n%s\r\n" % (len(half), half))
    folder = shared_server.root / "docker/registry/v2/repositories/apache/slow/_uploads"
    deadline = time.monotonic() + SECONDS
    while not any(data.stat().st_size for data in folder.glob("*/data")):
        assert time.monotonic() < deadline, "what was sent has to arrive before all is sent"
        time.sleep(0.05)
    connection.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(half), half))
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Range"]) == (202, f"0-{2 * len(half) - 1}")
    connection.close()


def test_docker_pushes_and_pulls_with_passwords_that_moorage_asks_for(docker: Client, tmp_path: Path) -> None:
    (line,) = (block.text for block in blocks(PAGE, "apache"))
    site, count = re.subn(r" *<Location /v2/>.*</Location>\n", line, SITE.read_text(), flags=re.DOTALL)
    assert count == 1
    port = free_port()
    with (
        folder() as made,
        running(asking_registry(tmp_path)) as server,
        apache(made, adapted(site, made, server.port, port), port) as proxy,
    ):
        assert f'Bearer realm="https://localhost:{port}/auth/token"' in told_realm(proxy)
        nobody, writer = (person(docker, tmp_path, proxy, user) for user in ("", "writer"))
        image = small_image("through apache, asked by moorage", CARGO)
        refused = nobody.push("app", image)
        assert not refused.worked
        assert "denied: requested access to the resource is denied" in refused.said
        pushed = writer.push("app", image)
        assert pushed.worked, pushed.said
        assert nobody.pull("app").found == image.unpacked
