"""Uploads by programs of others, each a process of its own."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from time import perf_counter

from benchmarks.load.specs import Commands, Outcome, outcome


def run(spec: Commands) -> Outcome:
    latencies: list[float] = []
    failures: list[str] = []
    begun, first = perf_counter(), time.time_ns()
    for number in itertools.count(first):
        sent = len(latencies) * spec.size
        if failures or sent >= spec.limit or perf_counter() - begun >= spec.target.seconds:
            break
        arguments = [part.format(port=spec.target.port, number=number) for part in spec.arguments]
        started = perf_counter()
        done = subprocess.run(
            arguments, env={**os.environ, **spec.environment}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            failures.append(f"{arguments[0]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        else:
            latencies.append(perf_counter() - started)
    return outcome(latencies, len(latencies) * spec.size, perf_counter() - begun, failures)
