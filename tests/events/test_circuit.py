from __future__ import annotations

import random

from moorage.events.circuit import Circuit


def longest(low: float, high: float) -> float:
    return high


def shortest(low: float, high: float) -> float:
    return low


def waits(circuit: Circuit, count: int) -> list[float]:
    return [circuit.failed() for _ in range(count)]


def test_the_first_waits_are_short_and_double() -> None:
    assert waits(Circuit(5, 10, 300, longest), 4) == [0.1, 0.2, 0.4, 0.8]


def test_before_it_opens_no_wait_is_longer_than_the_backoff() -> None:
    assert waits(Circuit(9, 0.3, 300, longest), 5) == [0.1, 0.2, 0.3, 0.3, 0.3]


def test_the_threshold_opens_it_and_each_failure_doubles_the_backoff_up_to_the_most() -> None:
    circuit = Circuit(3, 10, 100, longest)
    waits(circuit, 2)
    assert not circuit.open
    assert waits(circuit, 5) == [20, 40, 80, 100, 100]
    assert circuit.open


def test_an_open_circuit_waits_for_the_backoff_at_least() -> None:
    circuit = Circuit(1, 10, 100, shortest)
    assert waits(circuit, 5) == [10, 20, 40, 50, 50]


def test_a_backoff_beyond_the_most_is_kept() -> None:
    assert waits(Circuit(1, 600, 300, random.uniform), 2) == [600, 600]


def test_success_closes_it() -> None:
    circuit = Circuit(2, 10, 100, longest)
    waits(circuit, 6)
    circuit.worked()
    assert not circuit.open
    assert waits(circuit, 2) == [0.1, 20]


def test_what_the_listener_asks_for_is_waited_for_up_to_the_most() -> None:
    circuit = Circuit(5, 10, 100, longest)
    assert [circuit.failed(30), circuit.failed(10_000_000), circuit.failed(0.05)] == [30, 100, 0.4]


def test_listeners_that_are_down_for_years_do_not_overflow_it() -> None:
    circuit = Circuit(3, 1, 300)
    assert all(0 <= wait <= 300 for wait in waits(circuit, 20_000))


def test_waits_differ_by_chance() -> None:
    assert len({Circuit(1, 10, 300).failed() for _ in range(20)}) > 10


def test_a_threshold_of_nothing_is_one_failure() -> None:
    circuit = Circuit(0, 10, 100, longest)
    assert not circuit.open
    assert circuit.failed() == 20
