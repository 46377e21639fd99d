from __future__ import annotations

import logging

import pytest

from moorage.store.descriptors.circuit import LONGEST_SECONDS, SHORTEST_SECONDS, Circuit
from tests.store.descriptors.facts import Clock


def fail(circuit: Circuit, times: int = 1) -> float:
    for _ in range(times):
        circuit.failed(OSError("away"))
    return circuit.pause()


def test_pauses_grow_and_have_bounds() -> None:
    circuit = Circuit()
    assert circuit.pause() == 0
    assert SHORTEST_SECONDS * 0.8 <= fail(circuit) <= SHORTEST_SECONDS * 1.2
    assert SHORTEST_SECONDS * 1.6 <= fail(circuit) <= SHORTEST_SECONDS * 2.4
    assert LONGEST_SECONDS * 0.8 <= fail(circuit, 5000) <= LONGEST_SECONDS * 1.2
    circuit.worked()
    assert circuit.pause() == 0


def test_one_that_comes_and_goes_is_left_alone_for_longer() -> None:
    clock = Clock()
    circuit = Circuit(1.0, 100.0, clock=clock)
    for times in range(1, 5):
        assert fail(circuit) >= 0.8 * 2 ** (times - 1)
        circuit.worked()
        clock.now += 99
    clock.now += 2
    assert fail(circuit) <= 1.2


def test_one_line_when_it_goes_and_one_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    circuit = Circuit(clock=clock)
    circuit.worked()
    assert caplog.records == []
    fail(circuit, 3)
    clock.now += 12.34
    circuit.worked()
    circuit.worked()
    gone, back = caplog.records
    assert (gone.levelname, back.levelname) == ("WARNING", "INFO")
    assert vars(gone)["reason"] == "OSError: away"
    assert vars(back)["seconds"] == 12.3


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records]


def test_at_the_limit_of_memory_the_log_has_one_line_until_nothing_was_refused_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    circuit = Circuit(clock=clock)
    for _ in range(100):
        circuit.took("OOM")
        clock.now += LONGEST_SECONDS - 1
        circuit.took("")
    assert messages(caplog) == ["Redis is full: nothing more is remembered in it"]
    clock.now += 1
    circuit.took("")
    circuit.took("")
    assert messages(caplog)[1:] == ["Redis takes entries again"]
    circuit.took("OOM")
    assert len(messages(caplog)) == 3
