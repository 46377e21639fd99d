"""A whole registry in which something fails that nobody foresaw: a grant of another package raises when it is asked."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.auth.packages import install
from tests.support.server import Server, moorage_server

SOURCE = "Pl4ntedInTheSourceOfAPackage"

CONTROLLER = """
from moorage.auth import basic
from moorage.auth.base import Grant

class Failing:
    def __init__(self, options, context): ...

    async def authorize(self, credentials, wanted):
        login = basic.parse(credentials.authorization)
        return Grant(login.user if login else "", frozenset(), lambda access: self.judge(credentials, access))

    def judge(self, credentials, access):
        login = basic.parse(credentials.authorization)
        password = login.password if login else "none"
        try:
            raise LookupError(f"no such password: {password}")
        except LookupError as error:
            failure = RuntimeError(f"cannot judge {access}: {credentials.authorization}" if login else f"cannot judge {access}")
            failure.add_note(f"the password was {password}")
            raise failure from error  # SOURCE

    async def close(self): ...
""".replace("SOURCE", SOURCE)

TARGET = f"/v2/blue/app/blobs/uploads/?mount=sha256:{'a' * 64}&from=red/app"
"""Asks the grant whether the other repository may be read."""


def failing_registry(
    folder: Path, reporting: str, variables: Mapping[str, str] | None = None, *, http: str = "  workers: 1\n"
) -> Server:
    """`reporting` is the section, indented by two; `http` is YAML below that section."""
    packages = install(
        folder / "packages", {"failing": "failing_controllers:Failing"}, {"failing_controllers": CONTROLLER}
    )
    path = os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])])
    extra = f"{http}auth:\n  extension:\n    name: failing\nreporting:\n{reporting}"
    return moorage_server(folder, extra=extra, environment={"PYTHONPATH": path, **(variables or {})})


def ask(
    server: Server, headers: Sequence[tuple[str, str]] = (), body: bytes = b"", target: str = TARGET
) -> bytes:
    """What a POST of it is answered, from the first byte to the last. The target goes onto the request line as it is."""
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {server.address}",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        answered = b""
        while piece := connection.recv(65536):
            answered += piece
    return answered
