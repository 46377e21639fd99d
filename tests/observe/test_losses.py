"""What several processes count together is neither lost nor counted twice."""

from __future__ import annotations

import subprocess
import sys

PROCESSES, THREADS, TIMES = 4, 3, 2000

COUNTING = f"""
import os, signal, threading
from moorage.observe.losses import Losses

losses = Losses()
assert losses.count() == 0

def add():
    for _ in range({TIMES}):
        losses.add()

for _ in range({PROCESSES}):
    if not os.fork():
        threads = [threading.Thread(target=add) for _ in range({THREADS})]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # As a worker that is killed.
        os.kill(os.getpid(), signal.SIGKILL)
before = 0
for _ in range({PROCESSES}):
    now = losses.count()
    assert now >= before
    before = now
    os.wait()
assert losses.count() == losses.count(), "to ask takes nothing away"
print(losses.count())
"""


def test_each_of_many_processes_and_threads_counts_until_it_is_killed() -> None:
    done = subprocess.run([sys.executable, "-c", COUNTING], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(PROCESSES * THREADS * TIMES), done.stderr
