"""docs/authentication.md, done as it says: a registry that anybody pulls from and alice pushes to, over HTTPS."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, blocks
from tests.server.secure import AUTHORITY, SecureServer
from tests.support import forking
from tests.support.command import Client
from tests.support.engines import skopeo
from tests.support.ports import free_port
from tests.support.server import moorage_command, running

PAGE = ROOT / "docs/authentication.md"
PASSWORD = "correct horse"


def recipe() -> Block:
    """The first configuration of the page."""
    return next(block for block in blocks(PAGE, "yaml"))


def test_the_page_begins_with_ten_lines() -> None:
    assert len(recipe().text.strip().splitlines()) == 10


def test_why_is_answered_as_the_page_says(tmp_path: Path) -> None:
    """Of the rules of the page, with a group file in which alice is a builder."""
    rules = next(block.text for block in blocks(PAGE, "yaml") if "groupfile" in block.text)
    (tmp_path / "config.yml").write_text(rules.replace("/etc/moorage/", f"{tmp_path}/"))
    (tmp_path / "groups").write_text("builders: alice\n")
    shown = next(block.text for block in blocks(PAGE, "console") if "access explain" in block.text)
    printed = ""
    for line in (line for line in shown.splitlines() if line.startswith("$ ")):
        words = line.removeprefix("$ moorage ").replace("/etc/moorage", str(tmp_path)).split()
        done = forking.command(*words)
        assert done.stderr == ""
        printed += f"{line}\n{done.stdout}"
    assert printed == shown


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[SecureServer]:
    """The configuration of the page, with the paths and the port of this test, and the password file that its command makes."""
    settings = tmp_path / "moorage"
    settings.mkdir()
    AUTHORITY.issue().write(settings / "certificate.pem", settings / "key.pem")
    done = subprocess.run(
        moorage_command("htpasswd", "alice"), input=PASSWORD, check=True, capture_output=True, text=True
    )
    (settings / "htpasswd").write_text(done.stdout)
    port = free_port()
    text = (
        recipe()
        .text.replace("/etc/moorage/", f"{settings}/")
        .replace("addr: :443", f"addr: 127.0.0.1:{port}")
    )
    (settings / "config.yml").write_text(text.replace("/var/lib/registry", str(tmp_path / "root")))
    command = moorage_command("serve", str(settings / "config.yml"))
    with running(SecureServer(command, port, tmp_path / "root", tmp_path / "log")) as server:
        assert isinstance(server, SecureServer)
        yield server


@pytest.fixture
def stranger(docker: Client, tmp_path: Path) -> Client:
    """Docker as somebody who has never signed in."""
    return replace(docker, environment={**docker.environment, "DOCKER_CONFIG": str(tmp_path / "stranger")})


@pytest.fixture
def alice(docker: Client, tmp_path: Path) -> Client:
    return replace(docker, environment={**docker.environment, "DOCKER_CONFIG": str(tmp_path / "alice")})


def test_anybody_pulls_and_alice_pushes_over_https(
    registry: SecureServer, stranger: Client, alice: Client, tmp_path: Path
) -> None:
    address = f"localhost:{registry.port}"
    image = f"{address}/app"
    (tmp_path / "hello").write_text("hello\n")
    with tarfile.open(tmp_path / "layer.tar", "w") as layer:
        layer.add(tmp_path / "hello", "hello")
    stranger("import", str(tmp_path / "layer.tar"), image)

    refused = stranger.attempt("push", image)
    assert refused.returncode != 0
    assert "denied: requested access to the resource is denied" in refused.stderr
    wrong = alice.attempt("login", "--username", "alice", "--password", "wrong", address)
    assert "unauthorized" in wrong.stderr

    alice("login", "--username", "alice", "--password", PASSWORD, address)
    alice("push", image)
    alice("image", "rm", image)
    stranger("pull", image)

    # Docker does not check certificates of localhost; Skopeo does.
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates/ca.crt").write_bytes(AUTHORITY.pem)
    trusting = f"--src-cert-dir={tmp_path / 'certificates'}"
    skopeo(tmp_path / "skopeo")("copy", trusting, f"docker://{image}", f"dir:{tmp_path / 'pulled'}")
    assert (tmp_path / "pulled/manifest.json").exists()
    for secret in (PASSWORD, "eyJ"):
        assert secret not in registry.said()
