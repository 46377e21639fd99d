"""Profiles: of what runs, by one at a time, and over at once when nobody wants them any more."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from moorage.debug.pprof import encoded
from moorage.debug.profiling import Busy, Profiler
from tests.support.tools import require

LOOKS = 10


def spin(over: threading.Event) -> None:
    while not over.is_set():
        sum(range(1000))


@contextlib.contextmanager
def spinning() -> Iterator[None]:
    """Beside one that sleeps already: on its way there it used the processor."""
    over = threading.Event()
    sleeper = threading.Thread(target=over.wait, name="sleeper")
    spinner = threading.Thread(target=spin, args=(over,), name="spinner")
    sleeper.start()
    try:
        await_sleep(sleeper)
        spinner.start()
        yield
    finally:
        over.set()
        for thread in (sleeper, spinner):
            if thread.ident is not None:
                thread.join()


def await_sleep(thread: threading.Thread) -> None:
    """Who waits for a processor runs by its state, and who waits for the interpreter has it in a moment."""
    task = Path(f"/proc/self/task/{thread.native_id}")
    used, quiet = "", 0
    deadline = time.monotonic() + 30
    while quiet < LOOKS:
        assert time.monotonic() < deadline, "it does not fall asleep"
        time.sleep(0.01)
        before, used = used, (task / "schedstat").read_text()
        sleeps = (task / "stat").read_text().rpartition(")")[2].split()[0] == "S"
        quiet = quiet + 1 if sleeps and used == before else 0


async def test_what_takes_the_processors_time_is_told_and_who_waits_is_not() -> None:
    with spinning():
        found = (await Profiler().take(0.5)).folded()
    counts = {stack: int(count) for stack, _, count in (line.rpartition(" ") for line in found.splitlines())}
    most = max(counts, key=counts.__getitem__)
    assert most.startswith("spinner;")
    assert most.endswith(f";{__name__}:spin")
    assert counts[most] > 1000
    assert not [stack for stack in counts if stack.startswith("sleeper;")]


def alternate(over: threading.Event) -> None:
    with open("/dev/null", "wb", buffering=0) as nothing:
        while not over.is_set():
            think()
            nothing.write(b"x")


def think() -> None:
    sum(range(20_000))


async def test_a_thread_is_seen_where_it_spends_its_time_and_not_where_it_lets_others_run() -> None:
    over = threading.Event()
    thread = threading.Thread(target=alternate, args=(over,), name="alternating")
    thread.start()
    try:
        profile = await Profiler().take(0.5)
    finally:
        over.set()
        thread.join()
    seen = {True: 0, False: 0}
    for (name, stack), spent in profile.spent.items():
        if name == "alternating":
            seen[any(code is think.__code__ for _, code in stack)] += spent.seen
    assert seen[True] > seen[False], seen


def fields(message: bytes) -> dict[int, list[Any]]:
    """Of a message of protocol buffers: numbers, and the bytes of what is inside."""
    found: dict[int, list[Any]] = {}
    rest = memoryview(message)

    def number() -> int:
        nonlocal rest
        value = shift = 0
        while True:
            value |= (rest[0] & 0x7F) << shift
            more, rest, shift = rest[0] & 0x80, rest[1:], shift + 7
            if not more:
                return value

    while rest:
        key = number()
        if key & 7 == 0:
            found.setdefault(key >> 3, []).append(number())
            continue
        assert key & 7 == 2
        size = number()
        found.setdefault(key >> 3, []).append(bytes(rest[:size]))
        rest = rest[size:]
    return found


async def test_the_form_of_pprof_has_the_same_in_it() -> None:
    with spinning():
        profile = await Profiler().take(0.5)
    told = fields(gzip.decompress(encoded(profile)))
    texts = [text.decode() for text in told[6]]
    assert texts[0] == ""
    kinds = [tuple(texts[fields(kind)[field][0]] for field in (1, 2)) for kind in told[1]]
    assert kinds == [("samples", "count"), ("cpu", "nanoseconds")]
    functions = {fields(one)[1][0]: texts[fields(one)[2][0]] for one in told[5]}
    places = {fields(one)[1][0]: functions[fields(fields(one)[4][0])[1][0]] for one in told[4]}
    assert set(places) == set(functions) == set(range(1, len(places) + 1))
    assert len(told[2]) == len(profile.spent)
    for sample, ((thread, stack), spent) in zip(told[2], profile.spent.items(), strict=True):
        found = fields(sample)
        # The innermost call first.
        called = [places[number] for number in packed(found[1][0])]
        assert called == [f"{module}.{code.co_qualname}" for module, code in reversed(stack)]
        assert packed(found[2][0]) == [spent.seen, spent.nanoseconds]
        assert texts[fields(found[3][0])[2][0]] == thread


def packed(numbers: bytes) -> list[int]:
    found, value, shift = [], 0, 0
    for byte in numbers:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            found.append(value)
            value = shift = 0
    return found


@pytest.mark.soak
async def test_pprof_reads_it(tmp_path: Path) -> None:
    """Go may have to build it first."""
    require("go")
    with spinning():
        profile = await Profiler().take(0.5)
    file = tmp_path / "profile.pb.gz"
    file.write_bytes(encoded(profile))
    done = subprocess.run(
        ["go", "tool", "pprof", "-top", str(file)], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Type: cpu" in done.stdout
    assert f"{__name__}.spin" in done.stdout


async def test_one_at_a_time() -> None:
    profiler = Profiler()
    first = asyncio.create_task(profiler.take(0.2))
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await profiler.take(0.1)
    await first
    await profiler.take(0.01)


async def test_one_that_nobody_waits_for_ends() -> None:
    profiler = Profiler()
    taking = asyncio.create_task(profiler.take(60))
    await asyncio.sleep(0.05)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    async with asyncio.timeout(30):
        await profiler.take(0.01)
        # Waits for all threads.
        await asyncio.get_running_loop().shutdown_default_executor()
