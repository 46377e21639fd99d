"""Names of endpoints are looked up without anybody else having to wait for it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.events.resolver import Resolver
from tests.events.listener import Listener
from tests.events.telling import endpoint, telling, wait_for_events
from tests.faults.client import Client
from tests.support.server import running
from tests.support.tools import absent, require, require_root

NAMES = 8
"""More than the event loop has threads to look up names."""


@contextlib.contextmanager
def silent_resolver() -> Iterator[str]:
    """Takes questions at this address, and answers none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        yield first_free(bound)


def first_free(taken: socket.socket) -> str:
    """Resolvers have one port only. Other tests may run beside this one."""
    why = ""
    for number in range(1, 255):
        try:
            taken.bind((address := f"127.53.0.{number}", 53))
        except OSError as error:
            why = str(error)
        else:
            return address
    absent(f"there can be no resolver at 127.53.0.1 to 127.53.0.254: {why}")


def test_names_that_nobody_answers_for_hold_no_other_endpoint_back(tmp_path: Path) -> None:
    require_root()
    require("unshare", "mount")
    asking = tmp_path / "resolv.conf"
    with silent_resolver() as silent, Listener() as listener:
        asking.write_text(f"nameserver {silent}\noptions timeout:30 attempts:5\n")
        lost = [endpoint(f"lost{number}", f"http://lost{number}.example/") for number in range(NAMES)]
        server = telling(tmp_path, *lost, endpoint("one", f"http://127.0.0.1:{listener.port}/"))
        covered = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        server.command = ["unshare", "--mount", "sh", "-c", covered, str(asking), *server.command]
        with running(server), Client(server.port) as client:
            for number in range(5):
                client.push_blob("app", b"%d" % number)
                wait_for_events(listener, "app", number + 1)


async def test_a_name_leads_to_its_addresses() -> None:
    found = await Resolver().resolve("localhost", 5000, socket.AF_UNSPEC)
    assert {(one["host"], one["port"], one["hostname"]) for one in found} <= {
        ("127.0.0.1", 5000, "localhost"),
        ("::1", 5000, "localhost"),
    }
    assert found


@pytest.mark.parametrize("name", ["a" * 64, "a" * 64 + ".example"])
async def test_a_name_that_cannot_have_an_address_is_an_error(name: str) -> None:
    with pytest.raises(socket.gaierror):
        await Resolver().resolve(name)


async def test_a_name_without_an_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver of this machine may be away, or know all names."""

    def nobody(host: str, *arguments: object, **named: object) -> list[object]:
        assert host == "nobody.invalid"
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(socket.gaierror, match="not known"):
        await Resolver().resolve("nobody.invalid")
