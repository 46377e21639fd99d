"""The registry behind a proxy when Moorage asks for the passwords, as docs/recipes/nginx.md configures it; and who asks it."""

from __future__ import annotations

from pathlib import Path

from tests.auth.hashing import line
from tests.clients.signing import Engine, engine
from tests.docs.pages import ROOT, blocks
from tests.docs.test_deploy import Proxy
from tests.support.command import Client
from tests.support.ports import free_port
from tests.support.server import Server, moorage_command

PAGE = ROOT / "docs/recipes/nginx.md"
PASSWORDS = {"reader": "secret-1", "writer": "secret-2"}


def password_file() -> str:
    return "".join(line(*one) for one in PASSWORDS.items())


def asking_registry(folder: Path) -> Server:
    """Not yet started."""
    (text,) = (block.text for block in blocks(PAGE, "yaml"))
    (folder / "htpasswd").write_text(password_file())
    port = free_port()
    for theirs, ours in {
        "127.0.0.1:5000": f"127.0.0.1:{port}",
        "/var/lib/registry": str(folder / "data"),
        "/etc/moorage": str(folder),
    }.items():
        assert theirs in text
        text = text.replace(theirs, ours)
    (folder / "config.yml").write_text(text)
    command = moorage_command("serve", str(folder / "config.yml"))
    return Server(command, port, folder / "data", folder / "log")


def person(docker: Client, folder: Path, proxy: Proxy, user: str = "") -> Engine:
    """At Docker, signed in at that proxy, or nobody; credentials are below `folder`."""
    found = engine("docker", docker, folder / (user or "nobody"), f"localhost:{proxy.port}", b"")
    if user:
        outcome = found.login(user, PASSWORDS[user])
        assert outcome.worked, outcome.said
    return found


def told_realm(proxy: Proxy) -> str:
    """Where clients are sent for their tokens."""
    answer, _ = proxy.request("GET", "/v2/")
    assert answer.status == 401
    header: str = answer.headers["WWW-Authenticate"]
    return header
