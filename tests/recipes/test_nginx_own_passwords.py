"""docs/recipes/nginx.md, done as it says: Docker pushes and pulls through nginx, over HTTPS, whoever asks for the passwords."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.smallimages import small_image
from tests.docs.pages import blocks
from tests.docs.test_deploy import SITE, Proxy, adapted, make_certificate, nginx
from tests.recipes.registry import PAGE, asking_registry, password_file, person, told_realm
from tests.support.command import Client
from tests.support.ports import free_port
from tests.support.server import Server, running
from tests.support.tools import require

CARGO = os.urandom(6 << 20)
LEFT_OUT = ("auth_basic ", "auth_basic_user_file ", "add_header ", "proxy_set_header   Authorization ")
"""How the lines begin that the page tells to leave out."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What nginx may write to, with a certificate and a password file."""
    require("nginx", "openssl")
    made = tmp_path / "nginx"
    made.mkdir()
    make_certificate(made)
    (made / "htpasswd").write_text(password_file())
    return made


def test_docker_pushes_and_pulls_with_passwords_that_nginx_asks_for(
    folder: Path, shared_server: Server, docker: Client, tmp_path: Path
) -> None:
    port = free_port()
    with nginx(folder, adapted(SITE.read_text(), folder, shared_server.port, port), port) as proxy:
        nobody, reader = (person(docker, tmp_path, proxy, user) for user in ("", "reader"))
        image = small_image("through nginx", CARGO)
        assert not nobody.push("nginx/app", image).worked
        pushed = reader.push("nginx/app", image)
        assert pushed.worked, pushed.said
        assert reader.pull("nginx/app").found == image.unpacked
        assert not nobody.pull("nginx/app").worked


def without_passwords(site: str, location: str) -> str:
    """The site as the page changes it."""
    lines = site.splitlines(keepends=True)
    kept = [line for line in lines if not line.strip().startswith(LEFT_OUT)]
    assert len(lines) - len(kept) == len(LEFT_OUT)
    site = "".join(kept)
    place = "    location @again {"
    assert site.count(place) == 1
    return site.replace(place, location + place)


@pytest.fixture
def moorage_asks(folder: Path, tmp_path: Path) -> Iterator[Proxy]:
    (location,) = (block.text for block in blocks(PAGE, "conf"))
    port = free_port()
    with running(asking_registry(tmp_path)) as server:
        site = adapted(without_passwords(SITE.read_text(), location), folder, server.port, port)
        with nginx(folder, site, port) as proxy:
            yield proxy


def test_docker_pushes_and_pulls_with_passwords_that_moorage_asks_for(
    moorage_asks: Proxy, docker: Client, tmp_path: Path
) -> None:
    assert f'Bearer realm="https://localhost:{moorage_asks.port}/auth/token"' in told_realm(moorage_asks)
    nobody, reader = (person(docker, tmp_path, moorage_asks, user) for user in ("", "reader"))
    image = small_image("through nginx, asked by moorage", CARGO)
    refused = nobody.push("app", image)
    assert not refused.worked
    assert "denied: requested access to the resource is denied" in refused.said
    pushed = reader.push("app", image)
    assert pushed.worked, pushed.said
    assert nobody.pull("app").found == image.unpacked
