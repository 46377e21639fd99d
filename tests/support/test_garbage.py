"""A collection in another thread takes nothing from ours."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from tests.support.garbage import collect


class Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collecting() -> Iterator[threading.Event]:
    """Another thread in the middle of a collection, which ends when the event is set."""
    begun, go_on = threading.Event(), threading.Event()

    def within(phase: str, info: dict[str, int]) -> None:
        if threading.current_thread() is other and phase == "stop":
            begun.set()
            go_on.wait(30)

    def until_begun() -> None:
        # A third thread may collect at first.
        while not begun.is_set():
            gc.collect()

    other = threading.Thread(target=until_begun)
    gc.callbacks.append(within)
    other.start()
    assert begun.wait(30)
    yield go_on
    go_on.set()
    other.join()
    gc.callbacks.remove(within)


def test_a_collection_waits_for_that_of_another_thread(collecting: threading.Event) -> None:
    cycle = weakref.ref(Cycle())
    gc.collect()
    assert cycle() is not None, "collect is not needed any more"
    threading.Timer(0.05, collecting.set).start()
    collect()
    assert cycle() is None
