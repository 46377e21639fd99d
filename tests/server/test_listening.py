"""Where the launcher listens: sockets of its own for each worker, on an address that is nobody else's."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moorage.config.sections.http import Http
from moorage.server import ServerError, listen
from moorage.server.listening import address, remover
from tests.support.ports import free_port

Listen = Callable[..., list[socket.socket]]


@pytest.fixture
def listening() -> Iterator[Listen]:
    """`listen`, and what it opened is closed in the end."""
    made: list[socket.socket] = []

    def start(addr: str, workers: int, net: str = "tcp") -> list[socket.socket]:
        found = listen(Http.model_validate({"addr": addr, "net": net}), workers)
        made.extend(found)
        return found

    yield start
    for one in made:
        one.close()


def is_listening(one: socket.socket) -> bool:
    return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


@pytest.mark.parametrize("chosen", [True, False], ids=["a port", "any port"])
def test_each_worker_has_a_socket_of_its_own_on_one_port(listening: Listen, chosen: bool) -> None:
    port = free_port() if chosen else 0
    listeners = listening(f"127.0.0.1:{port}", 4)
    assert len(listeners) == len({one.fileno() for one in listeners}) == 4
    addresses = {one.getsockname() for one in listeners}
    assert len(addresses) == 1
    assert port in (0, addresses.pop()[1])
    assert all(map(is_listening, listeners))


@pytest.mark.parametrize("addr", ["127.0.0.1:0", ":0", "localhost:0", "127.0.0.1:00"])
def test_the_address_has_the_port_that_the_system_chose(listening: Listen, addr: str) -> None:
    (listener,) = listening(addr, 1)
    told = address(Http.model_validate({"addr": addr}), listener)
    assert told == f"{addr.rpartition(':')[0]}:{listener.getsockname()[1]}"


def test_a_port_that_was_asked_for_is_told_as_it_is_written(listening: Listen, tmp_path: Path) -> None:
    for addr, net in ((f"localhost:{free_port()}", "tcp"), (str(tmp_path / "socket"), "unix")):
        (listener,) = listening(addr, 1, net)
        assert address(Http.model_validate({"addr": addr, "net": net}), listener) == addr


def test_connections_are_spread_over_the_sockets(listening: Listen) -> None:
    """None is accepted here: every one has to wait at one of the sockets."""
    listeners = listening("127.0.0.1:0", 2)
    clients = [socket.create_connection(listeners[0].getsockname(), 10) for _ in range(64)]
    accepted = []
    for listener in listeners:
        listener.setblocking(False)
        found = []
        while True:
            try:
                found.append(listener.accept()[0])
            except BlockingIOError:
                break
        accepted.append(len(found))
        for connection in found:
            connection.close()
    for client in clients:
        client.close()
    assert sum(accepted) == 64
    assert all(accepted), accepted


def test_an_ipv6_address_is_shared_out_too(listening: Listen) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    listeners = listening("[::1]:0", 2)
    assert len({one.getsockname() for one in listeners}) == 1
    assert all(one.family == socket.AF_INET6 for one in listeners)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "[::]", "[0::0]"])
def test_a_wildcard_takes_both_kinds_of_addresses(listening: Listen, host: str) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    port = listening(f"{host}:0", 2)[0].getsockname()[1]
    for reached in ("127.0.0.1", "::1"):
        socket.create_connection((reached, port), 10).close()


@pytest.mark.parametrize(("host", "other"), [("127.0.0.1", "::1"), ("[::1]", "127.0.0.1")])
def test_any_other_address_takes_only_its_own_kind(listening: Listen, host: str, other: str) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    port = listening(f"{host}:0", 2)[0].getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((other, port), 10)


@pytest.mark.parametrize("workers", [1, 4])
def test_the_address_of_another_server_is_refused(listening: Listen, workers: int) -> None:
    """The sockets of another Moorage would share it, and get half of the requests."""
    port = listening("127.0.0.1:0", 2)[0].getsockname()[1]
    with pytest.raises(ServerError, match=rf"127\.0\.0\.1:{port} \(http\.addr\)"):
        listening(f"127.0.0.1:{port}", workers)


def test_the_address_of_a_server_that_shares_nothing_is_refused(listening: Listen) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServerError, match=r"http\.addr"):
            listening(f"127.0.0.1:{port}", 2)


def test_an_address_is_free_again_when_its_server_is_gone(listening: Listen) -> None:
    first = listening("127.0.0.1:0", 3)
    port = first[0].getsockname()[1]
    with socket.create_connection(("127.0.0.1", port), 10):
        for one in first:
            one.close()
        assert len(listening(f"127.0.0.1:{port}", 3)) == 3


def test_a_unix_socket_is_one_that_all_workers_share(listening: Listen, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    listeners = listening(path, 4, "unix")
    assert [one.family for one in listeners] == [socket.AF_UNIX]
    assert listeners[0].getsockname() == path
    assert is_listening(listeners[0])


def test_a_unix_socket_left_behind_is_replaced(listening: Listen, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    for one in listening(path, 1, "unix"):
        one.close()
    assert len(listening(path, 1, "unix")) == 1


def test_a_unix_socket_that_somebody_listens_on_is_refused(listening: Listen, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    (first,) = listening(path, 1, "unix")
    with pytest.raises(
        ServerError, match=rf"^cannot listen on {path} \(http\.addr\): Address already in use$"
    ):
        listening(path, 1, "unix")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        first.accept()[0].close()


def test_a_unix_socket_with_a_full_queue_is_one_that_somebody_listens_on(
    listening: Listen, tmp_path: Path
) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as client:
        busy.bind(path)
        busy.listen(0)
        client.connect(path)
        with pytest.raises(ServerError, match="Address already in use"):
            listening(path, 1, "unix")
    assert Path(path).is_socket()


@pytest.mark.parametrize("taken_over", [False, True])
def test_the_file_of_a_unix_socket_goes_with_its_server(
    listening: Listen, tmp_path: Path, taken_over: bool
) -> None:
    """Unless the next server has its own there."""
    path = tmp_path / "socket"
    (first,) = listening(str(path), 1, "unix")
    remove = remover(first)
    first.close()
    if taken_over:
        listening(str(path), 1, "unix")
    remove()
    assert path.exists() is taken_over
    remove()


def test_a_tcp_socket_leaves_nothing_to_remove(listening: Listen) -> None:
    remover(listening("127.0.0.1:0", 1)[0])()


def test_a_file_in_the_place_of_a_unix_socket_is_kept(listening: Listen, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"precious")
    with pytest.raises(ServerError, match=r"http\.addr"):
        listening(str(tmp_path / "file"), 1, "unix")
    assert (tmp_path / "file").read_bytes() == b"precious"


def test_a_path_that_is_too_long_for_a_unix_socket_is_told(listening: Listen, tmp_path: Path) -> None:
    longest = f"{tmp_path}/".ljust(107, "s")
    assert listening(longest, 1, "unix")[0].getsockname() == longest
    with pytest.raises(
        ServerError, match=r"\(http\.addr\): .* has 108 bytes, .* at most 107: choose a shorter"
    ):
        listening(f"{longest}s", 1, "unix")


@pytest.mark.parametrize("host", ["é..b", "é" * 70, "a..b"])
def test_a_host_that_cannot_be_a_name_is_told(listening: Listen, host: str) -> None:
    with pytest.raises(
        ServerError, match=rf"^cannot listen on {host}:5000 \(http\.addr\): [^\n]*[Nn]ame [^\n]*$"
    ):
        listening(f"{host}:5000", 1)
