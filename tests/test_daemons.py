"""Work in threads for which a process does not wait when it ends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from moorage.daemons import in_daemon


async def test_what_the_function_returns_or_raises_is_the_outcome() -> None:
    assert await in_daemon("one", lambda: threading.current_thread().name) == "one"
    with pytest.raises(ZeroDivisionError):
        await in_daemon("one", lambda: 1 // 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_who_does_not_wait_any_longer_is_told_nothing(fails: bool) -> None:
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    threads: list[threading.Thread] = []
    late = threading.Event()

    def work() -> int:
        threads.append(threading.current_thread())
        assert late.wait(30)
        return 1 // (0 if fails else 1)

    asked = asyncio.ensure_future(in_daemon("one", work))
    while not threads:
        await asyncio.sleep(0.01)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    late.set()
    await asyncio.to_thread(threads[0].join)
    # The loop calls in their order what is called in it.
    await asyncio.sleep(0)
    assert told == []


ENDLESS = """
import asyncio, threading
from moorage.daemons import in_daemon

async def main():
    work = asyncio.create_task(in_daemon("endless", threading.Event().wait))
    await asyncio.sleep(0)
    work.cancel()

asyncio.run(main())
print("ends", flush=True)
"""


def test_a_process_that_ends_does_not_wait_for_what_goes_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDLESS], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("ends\n", "")
