"""Send raw bytes, read until the server is done with them, and note what a sound server never does."""

from __future__ import annotations

import random
import time

from tests.faults.fuzz_run import FuzzResult
from tests.faults.raw_inputs import raw_input
from tests.faults.wire import Answer, Wire

HANG_SECONDS = 20.0
ANSWERS = 60  # more than the longest row of requests has


def raw_fuzz(port: int, seed: int, inputs: int) -> FuzzResult:
    """Each input on a connection of its own."""
    source = random.Random(seed)
    result = FuzzResult()
    for number in range(inputs):
        data = raw_input(source)
        fault, answers = deliver(port, data)
        result.statuses.update(answer.status for answer in answers)
        result.unanswered += not answers
        if fault:
            result.note(fault, f"seed {seed}, input {number}", data, answers[-1] if answers else None)
    return result


def deliver(port: int, data: bytes) -> tuple[str, list[Answer]]:
    """Send, say that no more comes, and read all answers to the end of the connection."""
    answers: list[Answer] = []
    began = time.monotonic()
    with Wire(port, HANG_SECONDS) as wire:
        try:
            wire.send(data)
            wire.finish_sending()
            while len(answers) < ANSWERS:
                answers.append(wire.receive(head=data.startswith(b"HEAD")))
        except TimeoutError:
            return f"neither an answer nor an end in {time.monotonic() - began:.0f} s", answers
        except (OSError, ValueError):
            # The end, or a reset because the server would not read on; or answers that cannot be told
            # apart, because a HEAD was among the requests.
            pass
    wrong = [answer.status for answer in answers if answer.status >= 500 and answer.status != 505]
    return (f"status {wrong[0]}" if wrong else ""), answers
