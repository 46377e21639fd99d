from __future__ import annotations

import socket

from tests.support.ports import FIRST, free_port, listened_on, ports_of, taken


def test_processes_side_by_side_choose_from_different_ports() -> None:
    first, second = (set(ports_of(worker, 2)) for worker in range(2))
    assert first
    assert second
    assert not first & second


def test_a_port_of_tests_is_never_one_that_the_kernel_gives_to_another_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kernels: int = listener.getsockname()[1]
        assert taken(kernels)
    assert kernels > max(ports_of(0, 1)) >= free_port() >= FIRST


def test_a_port_is_told_once() -> None:
    assert len({free_port() for _ in range(100)}) == 100


def test_a_port_whose_connections_have_just_ended_is_not_listened_on() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:
        assert listened_on(port)
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = listener.accept()
            accepted.close()
            assert client.recv(1) == b""
    assert taken(port), "a socket waits for what may still be on its way"
    assert not listened_on(port)
